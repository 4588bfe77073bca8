import assert from "node:assert/strict";
import { SentReceipts } from "../../src/cluster/receipts.js";
import type { Receipt } from "../../src/session/session.js";

/** More than have a place of their own. */
const MANY = 10_000;

describe("Receipts of stanzas that are with other nodes", () => {
  let receipts: SentReceipts;
  /** What they were told, in order. */
  let told: string[];
  beforeEach(() => {
    receipts = new SentReceipts();
    told = [];
  });

  const receiptOf = (name: string): Receipt => ({
    delivered: () => void told.push(`${name} delivered`),
    failed: () => void told.push(`${name} failed`),
    doubtful: () => void told.push(`${name} doubtful`),
  });

  it("are told once, by the node that has the stanza, however many came after it", () => {
    const first = receipts.add("a", receiptOf("first"));
    const numbers = Array.from({ length: MANY }, (_, i) => receipts.add("b", receiptOf(`${i}`)));
    assert.equal(receipts.size, MANY + 1);
    receipts.tell("b", first, "d");
    assert.deepEqual(told, []);
    for (let time = 0; time < 2; time++) receipts.tell("a", first, "d");
    assert.deepEqual(told, ["first delivered"]);
    for (const number of numbers) receipts.tell("b", number, "f");
    assert.deepEqual(
      told.slice(1),
      numbers.map((_, i) => `${i} failed`),
    );
    assert.equal(receipts.size, 0);
  });

  it("hear in the order in which they were given that their node is gone, or cannot be reached", () => {
    const names = Array.from({ length: MANY }, (_, i) => `${i}`);
    for (const name of names) receipts.add(Number(name) % 2 === 0 ? "a" : "b", receiptOf(name));
    const those = (node: number, what: string) =>
      names.filter((name) => Number(name) % 2 === node).map((name) => `${name} ${what}`);
    receipts.doubt("b");
    receipts.lost("a");
    receipts.lost("a");
    assert.deepEqual(told, [...those(1, "doubtful"), ...those(0, "failed")]);
    assert.equal(receipts.size, MANY / 2);
  });
});
