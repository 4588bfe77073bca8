import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ArchiveIds } from "../../src/router/archive-ids.js";

describe("Names in archives", () => {
  const key = randomBytes(16);
  const ids = new ArchiveIds(key);

  it("stand for one message of one account", () => {
    for (const [account, id] of [
      [1, 0],
      [1, 1],
      [2 ** 48 - 1, Number.MAX_SAFE_INTEGER],
      [77, 244_000_000_000_123],
    ]) {
      assert.equal(ids.parse(account, ids.format(account, id)), id);
      assert.equal(new ArchiveIds(key).format(account, id), ids.format(account, id));
    }
  });

  it("mean nothing in another account's archive, nor on another server", () => {
    const name = ids.format(1, 5);
    assert.equal(ids.parse(2, name), undefined);
    assert.equal(new ArchiveIds(randomBytes(16)).parse(1, name), undefined);
    assert.notEqual(ids.format(2, 5), name);
  });

  it("tell nothing of the order of messages", () => {
    const names = Array.from({ length: 100 }, (_, id) => ids.format(1, id));
    assert.equal(new Set(names).size, 100);
    assert.notDeepEqual(names.toSorted(), names);
    for (const name of names) assert.match(name, /^[\w-]{22}$/);
  });

  it("are not taken for what they are not", () => {
    const name = ids.format(1, 5);
    for (const text of [
      "",
      "5",
      `${name}=`,
      ` ${name}`,
      `${name}A`,
      name.slice(1),
      "\0".repeat(22),
      "ä".repeat(22),
    ]) {
      assert.equal(ids.parse(1, text), undefined, text);
    }
  });
});
