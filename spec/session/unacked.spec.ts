import assert from "node:assert/strict";
import { Unacked } from "../../src/session/unacked.js";
import { Stanza } from "../../src/xmpp/stanza.js";

describe("What a client has not acknowledged (XEP-0198 §4)", () => {
  let unacked: Unacked;
  let delivered: number[];
  beforeEach(() => {
    unacked = new Unacked();
    delivered = [];
  });

  function push(...numbers: number[]): void {
    for (const number of numbers) {
      const receipt = { delivered: () => delivered.push(number), failed: () => assert.fail() };
      unacked.push(Stanza.make("message", { id: String(number) }), receipt, number);
    }
  }

  it("goes as it is acknowledged, oldest first", () => {
    push(1, 2, 3);
    assert.deepEqual([unacked.count, unacked.size, unacked.sent], [3, 6, 3]);
    assert.equal(unacked.acknowledge(2), true);
    assert.deepEqual(delivered, [1, 2]);
    assert.deepEqual([unacked.count, unacked.size, unacked.sent], [1, 3, 3]);
    assert.deepEqual(
      unacked.all().map(({ stanza }) => stanza.id),
      ["3"],
    );
  });

  it("stays where the same is acknowledged again", () => {
    push(1);
    assert.equal(unacked.acknowledge(1), true);
    assert.equal(unacked.acknowledge(1), true);
    assert.deepEqual(delivered, [1]);
  });

  it("stays where more is acknowledged than was sent, or less than before", () => {
    push(1, 2);
    assert.equal(unacked.acknowledge(3), false);
    assert.equal(unacked.acknowledge(1), true);
    assert.equal(unacked.acknowledge(0), false);
    assert.deepEqual([delivered, unacked.count], [[1], 1]);
  });

  it("is handed back when the session is over", () => {
    push(1, 2);
    assert.deepEqual(
      unacked.take().map(({ stanza }) => stanza.id),
      ["1", "2"],
    );
    assert.deepEqual([unacked.count, unacked.size], [0, 0]);
  });
});
