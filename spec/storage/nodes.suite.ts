import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { NodeRow } from "../../src/storage/types.js";
import type { Nodes } from "./storage.suite.js";

export function nodesSuite(nodes: Nodes): void {
  const find = (rows: readonly NodeRow[], id: string) => rows.find((row) => row.id === id);

  it("gives members that join at once slots of their own", async () => {
    const ids: string[] = Array.from({ length: 6 }, () => randomUUID());
    const { storage, other } = nodes;
    await Promise.all(ids.map((id, i) => (i % 2 === 0 ? storage : other).nodes.join(id)));
    const rows = (await other.nodes.list()).filter(({ id }) => ids.includes(id));
    assert.equal(rows.length, 6);
    assert.equal(new Set(rows.map(({ slot }) => slot)).size, 6);
    for (const { slot, heir } of rows) assert.ok(slot >= 0 && slot < 64 && heir === undefined);
    for (const id of ids) await storage.nodes.remove(id);
    assert.ok(!(await other.nodes.list()).some(({ id }) => ids.includes(id)));
  });

  it("tells who joins of all that are there", async () => {
    const [a, b] = [randomUUID(), randomUUID()];
    await nodes.storage.nodes.join(a);
    const rows = await nodes.other.nodes.join(b);
    assert.ok(find(rows, a) && find(rows, b));
    for (const id of [a, b]) await nodes.storage.nodes.remove(id);
  });

  it("makes one survivor the heir, and another one when that is gone too", async () => {
    const [dead, b, c] = [randomUUID(), randomUUID(), randomUUID()];
    await nodes.storage.nodes.join(dead);
    const asked = [nodes.storage.nodes.inherit(dead, b, [b, c]), nodes.other.nodes.inherit(dead, c, [b, c])];
    const [won, lost] = await Promise.all(asked);
    assert.notEqual(won, lost);
    const [heir, survivor] = won ? [b, c] : [c, b];
    assert.equal(find(await nodes.other.nodes.list(), dead)?.heir, heir);
    assert.equal(await nodes.storage.nodes.inherit(dead, survivor, [survivor]), true);
    await nodes.storage.nodes.remove(dead);
    assert.equal(await nodes.storage.nodes.inherit(dead, survivor, [survivor]), false);
  });
}
