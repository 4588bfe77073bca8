import assert from "node:assert/strict";
import { InTurn } from "../../src/stream/in-turn.js";

/** A promise that is settled from outside. */
function gate(): { promise: Promise<void>; open: () => void; fail: (error: Error) => void } {
  let open!: () => void;
  let fail!: (error: Error) => void;
  const promise = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { promise, open, fail };
}

describe("What arrives in turn", () => {
  let events: string[];
  let turn: InTurn;
  let rest: Promise<void>;
  beforeEach(() => {
    events = [];
    let atRest!: () => void;
    rest = new Promise((resolve) => {
      atRest = resolve;
    });
    const source = {
      pause: () => events.push("pause"),
      resume: () => {
        events.push("resume");
        atRest();
      },
    };
    turn = new InTurn(source, (error) => events.push(`failed: ${(error as Error).message}`));
  });

  const note = (name: string) => () => {
    events.push(name);
    return undefined;
  };

  it("lets others have their turn now and then when there is very much of it, in order", async () => {
    const names = Array.from({ length: 1000 }, (_, i) => `${i}`);
    let others = 0;
    const count = () => {
      others += 1;
      if (!events.includes("999")) setImmediate(count);
    };
    setImmediate(count);
    for (const name of names) turn.take(note(name));
    assert.ok(!events.includes("999"));
    while (turn.busy) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(
      events.filter((event) => event !== "pause" && event !== "resume"),
      names,
    );
    assert.ok(others >= 4, `${others}`);
  });

  it("is dealt with at once while nothing is waited for, and the source is left alone", () => {
    turn.take(note("a"));
    turn.take(note("b"));
    assert.deepEqual(events, ["a", "b"]);
    assert.equal(turn.busy, false);
  });

  it("waits for what came before, while the source is paused", async () => {
    const first = gate();
    turn.take(() => first.promise);
    turn.take(note("a"));
    const second = gate();
    turn.take(() => {
      events.push("b");
      return second.promise;
    });
    turn.take(note("c"));
    assert.deepEqual(events, ["pause"]);
    assert.equal(turn.busy, true);
    first.open();
    while (events.length < 3) await Promise.resolve();
    assert.deepEqual(events, ["pause", "a", "b"]);
    second.open();
    await rest;
    assert.deepEqual(events, ["pause", "a", "b", "c", "resume"]);
    assert.equal(turn.busy, false);
  });

  it("may come from what is being dealt with, and then stands at the end", async () => {
    const first = gate();
    turn.take(() => first.promise);
    turn.take(() => {
      turn.take(note("inner"));
      events.push("outer");
      return undefined;
    });
    turn.take(note("next"));
    first.open();
    await rest;
    assert.deepEqual(events, ["pause", "outer", "next", "inner", "resume"]);
  });

  it("goes on when one fails, at once or later, and each failure is told", async () => {
    const fail = (message: string) => () => {
      throw new Error(message);
    };
    turn.take(fail("at once"));
    const first = gate();
    turn.take(() => first.promise);
    turn.take(fail("behind"));
    turn.take(async () => fail("later")());
    turn.take(note("last"));
    first.fail(new Error("waited for"));
    await rest;
    assert.deepEqual(events, [
      "failed: at once",
      "pause",
      "failed: waited for",
      "failed: behind",
      "failed: later",
      "last",
      "resume",
    ]);
  });

  it("pauses the source anew each time something has to be waited for", async () => {
    turn.take(async () => undefined);
    await rest;
    turn.take(async () => undefined);
    assert.deepEqual(events, ["pause", "resume", "pause"]);
  });

  it("is dealt with to the end when the source is gone, which is no longer touched", async () => {
    const first = gate();
    turn.take(() => first.promise);
    turn.gone();
    const last = new Promise<void>((resolve) => {
      turn.take(() => {
        events.push("last");
        resolve();
        return undefined;
      });
    });
    first.open();
    await last;
    while (turn.busy) await Promise.resolve();
    turn.take(async () => undefined);
    while (turn.busy) await Promise.resolve();
    assert.deepEqual(events, ["pause", "last"]);
  });

  it("is run with what it is given", () => {
    const self = { name: "self" };
    turn.run(
      function (this: unknown, a: number, b: string) {
        assert.equal(this, self);
        events.push(`${a}${b}`);
        return undefined;
      },
      self,
      1,
      "b",
    );
    assert.deepEqual(events, ["1b"]);
  });
});
