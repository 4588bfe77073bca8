import { setTimeout as pause } from "node:timers/promises";
import type { Knex } from "knex";
import type { Dialect, Row, Value } from "./dialect.js";
import { isConflict, isForeignKeyViolation } from "./errors.js";

const ATTEMPTS = 8;
/** ms, times the number of attempts so far and a random factor: two that met should not meet again. */
const PAUSE = 10;

/** An open database, as the repositories use it. */
export class Database {
  constructor(
    readonly knex: Knex,
    readonly dialect: Dialect,
  ) {}

  /**
   * Runs `work` as one transaction. It runs again from the start when another transaction got in its way, so it should
   * do nothing but read and write.
   */
  async transaction<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.knex.transaction(work);
      } catch (error) {
        if (attempt === ATTEMPTS || !(isConflict(error) || isForeignKeyViolation(error))) throw error;
        await pause(PAUSE * attempt * Math.random());
      }
    }
  }

  /** Adds rows, one at least. Those that are there already stay as they are: a group whose end was not heard is written again. */
  async add(trx: Knex, into: string, keyColumn: string, rows: readonly (readonly Value[])[]): Promise<void> {
    const { sql, bindings } = this.dialect.rowsOf(rows);
    await trx.raw(`insert into ${into} ${sql} ${this.dialect.ignoreExisting(keyColumn)}`, bindings);
  }

  /** The rows of a select; values go into `bindings` only, never into the text. */
  async select(sql: string, bindings: readonly Knex.RawBinding[], db: Knex = this.knex): Promise<Row[]> {
    return this.dialect.rows(await db.raw(sql, bindings));
  }
}
