import assert from "node:assert/strict";
import { Homes } from "../../src/cluster/homes.js";
import { Registry } from "../../src/session/registry.js";
import { NO_FLAGS } from "../../src/session/session.js";
import { Jid } from "../../src/xmpp/jid.js";

const MEMORY = 80;

describe("Where accounts were of late", () => {
  let registry: Registry;
  let homes: Homes;
  const juliet = Jid.parse("juliet@example.net/balcony");

  beforeEach(() => {
    registry = new Registry("here");
    homes = new Homes(registry, MEMORY, 3);
  });

  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const come = (jid: Jid, node: string) =>
    registry.announced({
      jid,
      node,
      presence: undefined,
      priority: 0,
      interested: false,
      flags: NO_FLAGS,
      boundAt: 1,
      session: undefined,
    });
  const nodes = (jid = juliet) => {
    const known = homes.of(jid);
    return known && [...known];
  };

  it("is not known to a node that has just come", async () => {
    assert.equal(nodes(), undefined);
    await pause(MEMORY);
    assert.deepEqual(nodes(), []);
  });

  it("is known while they are there and for a while after, and not for ever", async () => {
    await pause(MEMORY);
    come(juliet, "a");
    assert.deepEqual(nodes(), ["a"]);
    registry.withdrawn(juliet, "a");
    come(juliet, "b");
    assert.deepEqual(nodes(), ["b", "a"]);
    await pause(2 * MEMORY + 10);
    assert.deepEqual(nodes(), ["b"]);
  });

  it("is not known any more when more have left than can be remembered, until those are long gone", async () => {
    await pause(MEMORY);
    const leave = (count: number) => {
      for (let i = 0; i < count; i++) {
        const jid = Jid.parse(`user${i}@example.net/r`);
        come(jid, "a");
        registry.withdrawn(jid, "a");
      }
    };
    leave(3);
    assert.deepEqual(nodes(), []);
    leave(4);
    assert.equal(nodes(), undefined);
    await pause(MEMORY);
    leave(3);
    assert.deepEqual(nodes(), []);
  });
});
