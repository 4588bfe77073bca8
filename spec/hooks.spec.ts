import assert from "node:assert/strict";
import { causeOf, HookError, Hooks, hookPoints } from "../src/hooks.js";
import type { StreamInfo } from "../src/stream/info.js";
import { xml } from "../src/xml/element.js";

const POINT = "stream:features";
const event = { stream: {} as StreamInfo, offer: xml("stream:features") };

describe("Hooks", () => {
  let hooks: Hooks;
  let order: string[];
  beforeEach(() => {
    hooks = new Hooks();
    order = [];
  });

  const note = (name: string, verdict?: boolean) => () => {
    order.push(name);
    return verdict;
  };

  it("run by priority, the higher first, and those of one priority in the order they came", () => {
    hooks.on(POINT, "a", note("late"), -10);
    hooks.on(POINT, "b", note("first"));
    hooks.on(POINT, "c", note("second"));
    hooks.on(POINT, "d", note("early"), 5);
    assert.equal(hooks.fire(POINT, event), false);
    assert.deepEqual(order, ["early", "first", "second", "late"]);
  });

  it("stop at the first that says it is handled, and only at true", () => {
    hooks.on(POINT, "a", note("no", false));
    hooks.on(POINT, "b", note("nothing"));
    hooks.on(POINT, "c", note("yes", true));
    hooks.on(POINT, "d", note("never"));
    assert.equal(hooks.fire(POINT, event), true);
    assert.deepEqual(order, ["no", "nothing", "yes"]);
  });

  it("are handed the event", () => {
    hooks.on(POINT, "a", (given) => {
      assert.equal(given, event);
    });
    assert.equal(hooks.fire(POINT, event), false);
  });

  it("cost no promise where none is waited for", () => {
    assert.equal(hooks.fire(POINT, event), false);
    hooks.on(POINT, "a", note("a"));
    assert.equal(hooks.fire(POINT, event), false);
  });

  it("wait for each other in turn", async () => {
    const gates: (() => void)[] = [];
    const slow = (name: string, verdict?: boolean) => async () => {
      order.push(`${name} begins`);
      await new Promise<void>((resolve) => gates.push(resolve));
      order.push(`${name} ends`);
      return verdict;
    };
    hooks.on(POINT, "a", slow("a"));
    hooks.on(POINT, "b", note("b"));
    hooks.on(POINT, "c", slow("c", true));
    hooks.on(POINT, "d", note("never"));
    const done = hooks.fire(POINT, event);
    assert.ok(done instanceof Promise);
    assert.deepEqual(order, ["a begins"]);
    gates[0]();
    while (gates.length < 2) await Promise.resolve();
    gates[1]();
    assert.equal(await done, true);
    assert.deepEqual(order, ["a begins", "a ends", "b", "c begins", "c ends"]);
  });

  it("that throw are named, and those behind them do not run", () => {
    const cause = new Error("no");
    hooks.on(POINT, "blocklist", () => {
      throw cause;
    });
    hooks.on(POINT, "b", note("never"));
    assert.throws(
      () => hooks.fire(POINT, event),
      (error) => error instanceof HookError && error.owner === "blocklist" && error.cause === cause,
    );
    assert.deepEqual(order, []);
  });

  it("that reject are named, also behind one that waited", async () => {
    hooks.on(POINT, "a", async () => undefined);
    hooks.on(POINT, "b", () => {
      throw new Error("at once");
    });
    await assert.rejects(Promise.resolve(hooks.fire(POINT, event)), { owner: "b" });
    const others = new Hooks();
    others.on(POINT, "c", async () => {
      throw new Error("later");
    });
    await assert.rejects(Promise.resolve(others.fire(POINT, event)), { owner: "c" });
  });

  it("are told apart from what other hooks threw underneath them", () => {
    const cause = new Error("no");
    assert.equal(causeOf(new HookError("a", new HookError("b", cause))), cause);
    assert.equal(causeOf(cause), cause);
    assert.match(new HookError("a", "text").message, /a.*text/);
  });

  it("are gone when taken away, alone and once", () => {
    const off = hooks.on(POINT, "a", note("a"));
    hooks.on(POINT, "a", note("same owner"));
    off();
    off();
    assert.equal(hooks.fire(POINT, event), false);
    assert.deepEqual(order, ["same owner"]);
  });

  it("that come or go while others run change only the next run", () => {
    const off = [
      hooks.on(POINT, "a", () => {
        off[1]();
        hooks.on(POINT, "c", note("c"));
        order.push("a");
      }),
      hooks.on(POINT, "b", note("b")),
    ];
    assert.equal(hooks.fire(POINT, event), false);
    assert.deepEqual(order, ["a", "b"]);
    order = [];
    off[0]();
    assert.equal(hooks.fire(POINT, event), false);
    assert.deepEqual(order, ["c"]);
  });

  it("of one point are not those of another", () => {
    hooks.on("stream:unauthenticated", "a", note("other"));
    assert.equal(hooks.fire(POINT, event), false);
    assert.deepEqual(order, []);
  });

  it("are listed in the order in which they run, points in the order a stanza meets them", () => {
    hooks.on("stanza:sending", "last", () => undefined);
    hooks.on(POINT, "b", note("b"), -1);
    hooks.on(POINT, "a", note("a"), 1);
    assert.deepEqual(hooks.list(), [
      { point: POINT, owner: "a", priority: 1 },
      { point: POINT, owner: "b", priority: -1 },
      { point: "stanza:sending", owner: "last", priority: 0 },
    ]);
    assert.equal(new Set(hookPoints).size, hookPoints.length);
  });
});
