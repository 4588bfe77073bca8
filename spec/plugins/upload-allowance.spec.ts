import assert from "node:assert/strict";
import { Allowance } from "../../plugins/upload/allowance.js";
import type { PluginContext } from "../../src/plugin/api.js";
import { KeyedTurns } from "../../src/plugin/keyed-turns.js";
import type { Account } from "../../src/storage/types.js";
import { Jid } from "../../src/xmpp/jid.js";

const juliet: Account = { id: 1, jid: Jid.parse("juliet@localhost") };
const MINUTE = 60_000;

describe("The allowance of an account for uploads", () => {
  let kept: unknown;
  let allowance: Allowance;
  beforeEach(() => {
    kept = undefined;
    const turns = new KeyedTurns();
    const store = {
      get: async () => structuredClone(kept),
      set: async (_account: Account, _key: string, value: unknown) => {
        kept = structuredClone(value);
      },
    };
    const ctx = { store: () => store, inTurn: (key: string, work: never) => turns.run(key, work) };
    allowance = new Allowance(ctx as unknown as PluginContext, { quota: 100, maxFiles: 3 });
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
    await allowance.settle(juliet, { id: "a", size: 60, until: 9 * MINUTE }, 0);
    assert.equal(await reserve("b", 60, 3 * MINUTE, 2 * MINUTE), 9 * MINUTE);
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
});
