import createKnex, { type Knex } from "knex";
import { knexLog } from "../../src/storage/knex/knex-log.js";
import { silentLog } from "../support/silent-log.js";

/** Somebody else who uses the database, and lets nobody write meanwhile. */
export class Lock {
  private constructor(
    private readonly db: Knex,
    private readonly orders: readonly string[],
  ) {}

  static onSqlite(filename: string): Lock {
    return new Lock(open({ client: "sqlite3", connection: { filename }, useNullAsDefault: true }), [
      "begin exclusive",
    ]);
  }

  static onPostgres(url: string): Lock {
    return new Lock(open({ client: "pg", connection: url }), [
      "begin",
      "lock table messages, pending, archive in access exclusive mode",
    ]);
  }

  async begin(): Promise<void> {
    for (const order of this.orders) await this.db.raw(order);
  }

  async end(): Promise<void> {
    await this.db.raw("rollback");
  }

  async close(): Promise<void> {
    await this.db.destroy();
  }
}

/** One connection: what is begun on it is ended on it. */
function open(config: Knex.Config): Knex {
  return createKnex({ ...config, pool: { min: 0, max: 1 }, log: knexLog(silentLog) });
}
