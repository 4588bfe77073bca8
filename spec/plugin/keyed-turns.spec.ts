import assert from "node:assert/strict";
import { KeyedTurns } from "../../src/plugin/keyed-turns.js";

describe("Work in turns", () => {
  let turns: KeyedTurns;
  let events: string[];
  beforeEach(() => {
    turns = new KeyedTurns();
    events = [];
  });

  /** Work that begins, and ends when it is let go. */
  function work(name: string): {
    run: () => Promise<string>;
    letGo: () => void;
    fail: (error: Error) => void;
  } {
    let letGo!: () => void;
    let fail!: (error: Error) => void;
    const gate = new Promise<void>((resolve, reject) => {
      letGo = resolve;
      fail = reject;
    });
    const run = async () => {
      events.push(`${name} begins`);
      await gate;
      events.push(`${name} ends`);
      return name;
    };
    return { run, letGo, fail };
  }

  it("for one key runs one after the other, in the order given", async () => {
    const [a, b, c] = ["a", "b", "c"].map(work);
    const all = [a, b, c].map(({ run }) => turns.run("key", run));
    assert.deepEqual(events, ["a begins"]);
    // Those behind may be ready before.
    for (const { letGo } of [c, b, a]) letGo();
    assert.deepEqual(await Promise.all(all), ["a", "b", "c"]);
    assert.deepEqual(events, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  it("for different keys runs side by side", async () => {
    const [a, b] = ["a", "b"].map(work);
    const first = turns.run("one", a.run);
    const second = turns.run("other", b.run);
    assert.deepEqual(events, ["a begins", "b begins"]);
    b.letGo();
    assert.equal(await second, "b");
    a.letGo();
    assert.equal(await first, "a");
  });

  it("goes on after work that failed, whose failure is told only to whom it belongs", async () => {
    const [a, b] = ["a", "b"].map(work);
    const first = turns.run("key", a.run);
    const second = turns.run("key", b.run);
    a.fail(new Error("no"));
    b.letGo();
    await assert.rejects(first, { message: "no" });
    assert.equal(await second, "b");
  });

  it("begins at once when all before it is done", async () => {
    assert.equal(await turns.run("key", async () => 1), 1);
    let begun = false;
    const again = turns.run("key", async () => {
      begun = true;
    });
    assert.equal(begun, true);
    await again;
  });
});
