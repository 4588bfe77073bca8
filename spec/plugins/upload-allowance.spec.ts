import assert from "node:assert/strict";
import { Allowance } from "../../plugins/upload/allowance.js";
import type { PluginContext } from "../../src/plugin/api.js";
import { KeyedTurns } from "../../src/plugin/keyed-turns.js";
import type { Account } from "../../src/storage/types.js";
import { Jid } from "../../src/xmpp/jid.js";
import { memoryStore } from "../support/memory-store.js";

const juliet: Account = { id: 1, jid: Jid.parse("juliet@localhost") };
const MINUTE = 60_000;

describe("The allowance of an account for uploads", () => {
  /** One for each of two nodes. */
  let allowance: Allowance;
  let other: Allowance;
  beforeEach(() => {
    const store = memoryStore();
    [allowance, other] = [1, 2].map(() => {
      const turns = new KeyedTurns();
      const ctx = { store: () => store, inTurn: (key: string, work: never) => turns.run(key, work) };
      return new Allowance(ctx as unknown as PluginContext, { quota: 100, maxFiles: 3 });
    });
  });

  const reserve = (id: string, size: number, until: number, now = 0) =>
    allowance.reserve(juliet, { id, size, until }, now);

  it("counts slots until they end", async () => {
    assert.equal(await reserve("a", 60, MINUTE), undefined);
    assert.equal(await reserve("b", 60, MINUTE), MINUTE);
    assert.equal(await reserve("b", 60, 2 * MINUTE, MINUTE), undefined);
  });

  it("counts a file that has come for as long as it is there", async () => {
    await reserve("a", 60, MINUTE);
    await reserve("a", 60, 9 * MINUTE);
    assert.equal(await reserve("b", 60, 3 * MINUTE, 2 * MINUTE), 9 * MINUTE);
  });

  const extend = (id: string, size: number, until: number, now = 0) =>
    allowance.extend(juliet, { id, size, until }, now);

  it("counts a slot for longer when the upload begins", async () => {
    await reserve("a", 60, MINUTE);
    assert.equal(await extend("a", 60, 9 * MINUTE), undefined);
    assert.equal(await reserve("b", 60, 3 * MINUTE, 2 * MINUTE), 9 * MINUTE);
  });

  it("counts a file no shorter for an upload that begins when it is there", async () => {
    await reserve("a", 60, 9 * MINUTE);
    assert.equal(await extend("a", 60, MINUTE), undefined);
    assert.equal(await reserve("b", 60, 3 * MINUTE, 2 * MINUTE), 9 * MINUTE);
  });

  it("has to have room for an upload whose slot counts no more", async () => {
    await reserve("a", 60, MINUTE);
    await reserve("b", 60, 9 * MINUTE, 2 * MINUTE);
    assert.equal(await extend("a", 60, 9 * MINUTE, 2 * MINUTE), 9 * MINUTE);
    assert.equal(await reserve("a", 60, 9 * MINUTE, 2 * MINUTE), 9 * MINUTE);
  });

  it("counts no slot for which nothing came", async () => {
    await reserve("a", 60, 9 * MINUTE);
    await allowance.release(juliet, "a", 0);
    assert.equal(await reserve("b", 60, MINUTE), undefined);
  });

  it("tells when there will be room, whatever goes first", async () => {
    await reserve("a", 50, 3 * MINUTE);
    await reserve("b", 10, MINUTE);
    await reserve("c", 40, 2 * MINUTE);
    assert.equal(await reserve("d", 10, 9 * MINUTE), MINUTE);
    assert.equal(await reserve("d", 50, 9 * MINUTE), 2 * MINUTE);
    assert.equal(await reserve("d", 51, 9 * MINUTE), 3 * MINUTE);
  });

  it("has room for so many files", async () => {
    for (const [index, id] of ["a", "b", "c"].entries())
      assert.equal(await reserve(id, 1, MINUTE + index), undefined);
    assert.equal(await reserve("d", 1, MINUTE), MINUTE);
  });

  it("is not overdrawn by two clients at once", async () => {
    const answers = await Promise.all([reserve("a", 60, MINUTE), reserve("b", 60, MINUTE)]);
    assert.deepEqual(answers, [undefined, MINUTE]);
  });

  it("is not overdrawn on two nodes at once", async () => {
    const entry = (id: string) => ({ id, size: 20, until: MINUTE });
    const answers = await Promise.all(
      ["a", "b", "c", "d", "e", "f"].map((id, index) =>
        (index % 2 ? allowance : other).reserve(juliet, entry(id), 0),
      ),
    );
    assert.equal(answers.filter((roomFrom) => roomFrom === undefined).length, 3);
  });
});
