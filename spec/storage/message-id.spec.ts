import assert from "node:assert/strict";
import { formatId, MessageIds, parseId } from "../../src/storage/message-id.js";

const NOW = Date.UTC(2026, 5, 1);

describe("message ids", () => {
  it("tell when they were given", () => {
    assert.equal(MessageIds.timeOf(new MessageIds(63).next(NOW)), NOW);
  });

  it("rise when more are taken in one millisecond than it has", () => {
    const ids = new MessageIds(5);
    const given = Array.from({ length: 1000 }, () => ids.next(NOW));
    assert.ok(given.every((id, index) => index === 0 || id > given[index - 1]));
    assert.equal(MessageIds.timeOf(given[63]), NOW);
    assert.equal(MessageIds.timeOf(given[64]), NOW + 1);
  });

  it("rise when the clock goes back, and follow it again once it has caught up", () => {
    const ids = new MessageIds();
    const first = ids.next(NOW);
    const second = ids.next(NOW - 3_600_000);
    assert.ok(second > first);
    assert.equal(MessageIds.timeOf(second), NOW);
    assert.equal(MessageIds.timeOf(ids.next(NOW + 5)), NOW + 5);
  });

  it("are never the same on two nodes", () => {
    const nodes = [0, 1, 63].map((slot) => new MessageIds(slot));
    const given = nodes.flatMap((ids) => Array.from({ length: 200 }, () => ids.next(NOW)));
    assert.equal(new Set(given).size, given.length);
  });

  it("follow the time across nodes", () => {
    assert.ok(new MessageIds(63).next(NOW) < new MessageIds(0).next(NOW + 1));
  });

  it("are exact integers until 2094", () => {
    const id = new MessageIds(63).next(Date.UTC(2094, 0, 1));
    assert.ok(Number.isSafeInteger(id));
    assert.equal(MessageIds.timeOf(id), Date.UTC(2094, 0, 1));
  });

  it("are not given for a clock before their epoch as anything but small and rising", () => {
    const ids = new MessageIds();
    const given = [ids.next(0), ids.next(0)];
    assert.deepEqual(given, [0, 1]);
  });

  for (const slot of [-1, 64, 1.5, Number.NaN]) {
    it(`are refused for slot ${slot}`, () => {
      assert.throws(() => new MessageIds(slot), RangeError);
    });
  }

  it("come back from their text", () => {
    for (const id of [0, 1, new MessageIds(7).next(NOW), Number.MAX_SAFE_INTEGER]) {
      assert.equal(parseId(formatId(id)), id);
    }
  });

  for (const text of ["", "-1", "1.5", "A", "01", " 1", "1e3 ", "2gosa7pa2gw", "zzzzzzzzzzzz", "é", "1\n"]) {
    it(`are not read from ${JSON.stringify(text)}`, () => {
      assert.equal(parseId(text), undefined);
    });
  }
});
