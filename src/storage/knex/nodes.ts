import type { NodeRepository, NodeRow } from "../types.js";
import type { Database } from "./database.js";
import { asOptionalText, asText } from "./dialect.js";
import { list } from "./sql-text.js";

/** As many as there are slots: storage/message-id.ts. */
const MAX = 64;

export class KnexNodes implements NodeRepository {
  constructor(private readonly db: Database) {}

  async join(id: string): Promise<NodeRow[]> {
    // Two that join at once choose the same slot; one of them finds it taken, and chooses again.
    for (;;) {
      const before = await this.list();
      const slot = freeSlot(before);
      await this.db.transaction((trx) =>
        trx.raw(
          `insert into nodes (id, slot, joined_at) values (?, ?, ?) ${this.db.dialect.ignoreExisting("id")}`,
          [id, slot, Date.now()],
        ),
      );
      const after = await this.list();
      if (after.some((row) => row.id === id)) return after;
    }
  }

  async list(): Promise<NodeRow[]> {
    const rows = await this.db.select("select id, slot, heir from nodes order by slot", []);
    return rows.map((row) => ({
      id: asText(row.id),
      slot: Number(row.slot),
      heir: asOptionalText(row.heir),
    }));
  }

  async inherit(dead: string, heir: string, alive: readonly string[]): Promise<boolean> {
    return this.db.transaction(async (trx) => {
      const free = alive.length === 0 ? "" : `or heir not in ${list(alive.length)}`;
      await trx.raw(`update nodes set heir = ? where id = ? and (heir is null ${free})`, [
        heir,
        dead,
        ...alive,
      ]);
      const rows = await this.db.select("select heir from nodes where id = ?", [dead], trx);
      return rows.some((row) => asOptionalText(row.heir) === heir);
    });
  }

  async remove(id: string): Promise<void> {
    await this.db.transaction((trx) => trx.raw("delete from nodes where id = ?", [id]));
  }
}

/** @throws Error when all are taken */
function freeSlot(rows: readonly NodeRow[]): number {
  const taken = new Set(rows.map(({ slot }) => slot));
  for (let slot = 0; slot < MAX; slot++) if (!taken.has(slot)) return slot;
  throw new Error(`a cluster has ${MAX} nodes at the most, and there are as many`);
}
