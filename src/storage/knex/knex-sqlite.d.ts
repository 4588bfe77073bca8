/** The part of knex's own SQLite client that `sqlite.ts` changes. */
declare module "knex/lib/dialects/sqlite3/index.js" {
  import { Knex } from "knex";

  interface SqliteTransaction {
    begin(connection: unknown): Promise<unknown>;
    query(connection: unknown, sql: string): Promise<unknown>;
  }

  export default class SqliteClient extends Knex.Client {
    transaction(...options: unknown[]): SqliteTransaction;
  }
}
