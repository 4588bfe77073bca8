import assert from "node:assert/strict";
import { Places } from "../../src/cluster/places.js";

/** More than there are places. */
const MANY = 10_000;

describe("What is known by a number for a short while", () => {
  const numbers = Array.from({ length: MANY }, (_, i) => 7 * i + 1);

  it("is found, however many came after it, until it is deleted", () => {
    const places = new Places<string>();
    for (const number of numbers) places.add(number, `${number}`);
    assert.deepEqual(
      numbers.map((number) => places.get(number)),
      numbers.map(String),
    );
    assert.deepEqual([places.get(0), places.get(2), places.size], [undefined, undefined, MANY]);
    for (const number of numbers.slice(0, MANY / 2)) places.delete(number);
    places.delete(2);
    assert.deepEqual(
      numbers.map((number) => places.get(number) !== undefined),
      numbers.map((_, i) => i >= MANY / 2),
    );
    assert.equal(places.size, MANY / 2);
  });

  it("is told in the order of the numbers", () => {
    const places = new Places<string>();
    for (const number of numbers.toReversed()) places.add(number, `${number}`);
    assert.deepEqual(
      places.entries(),
      numbers.map((number) => [number, `${number}`]),
    );
  });

  it("may be there twice", () => {
    const places = new Places<string>();
    for (let time = 0; time < 2; time++) places.add(5, "five");
    places.delete(5);
    assert.equal(places.get(5), "five");
    places.delete(5);
    assert.deepEqual([places.get(5), places.size], [undefined, 0]);
    places.delete(5);
    assert.equal(places.size, 0);
  });
});
