import type { Knex } from "knex";
import type { Logger } from "../../log.js";
import type { Storage } from "../types.js";
import { KnexAccounts } from "./accounts.js";
import { KnexArchive } from "./archive.js";
import { Database } from "./database.js";
import { type ClientName, DIALECTS } from "./dialect.js";
import { KnexKeyValues } from "./key-values.js";
import { KnexMessages } from "./messages.js";
import { migrate } from "./migrate.js";
import { KnexNodes } from "./nodes.js";
import { explainOpenError } from "./open-error.js";
import { KnexRosters } from "./rosters.js";
import { connectShared, lockMigrations, needDriver, type Pool, type SharedClient } from "./shared.js";
import { connectSqlite } from "./sqlite.js";

const DEFAULT_POOL: Pool = { min: 0, max: 10 };

export interface StorageOptions {
  client: ClientName;
  /** SQLite: an absolute path, or ":memory:". */
  file?: string;
  /** PostgreSQL and MySQL: such as postgres://user:password@host/database. */
  url?: string;
  /** Connections to PostgreSQL or MySQL; SQLite has always one. */
  pool?: Pool;
  /**
   * "commit": what was written is on the disk. "relaxed": a power failure, with PostgreSQL also a crash of its server, may
   * lose the last moment, and writing is faster. MySQL has one setting for all its clients, which stays as it is.
   */
  durability: "relaxed" | "commit";
}

/**
 * Opens the database and brings its tables to today's shape; several nodes may do so at once.
 * @throws SetupError for what the admin must put right: a folder that cannot be written, a server that is not there or
 *   refuses the password, a package that is not installed, a database of a newer version
 */
export async function openStorage(options: StorageOptions, log: Logger): Promise<Storage> {
  const { client, file, url } = options;
  try {
    return client === "sqlite" ? await openSqlite(options, log) : await openShared(client, options, log);
  } catch (error) {
    throw explainOpenError(error, client === "sqlite" ? { file } : { url });
  }
}

async function openSqlite({ file, durability }: StorageOptions, log: Logger): Promise<Storage> {
  if (file === undefined) throw new TypeError("SQLite needs a file");
  const dialect = DIALECTS.sqlite;
  const knex = connectSqlite(file, durability, log);
  return openOrClose(knex, async () => {
    // The whole of it is one transaction, so another process that starts now waits.
    await knex.transaction((trx) => migrate(trx, dialect));
    return new KnexStorage(new Database(knex, dialect));
  });
}

async function openShared(client: SharedClient, options: StorageOptions, log: Logger): Promise<Storage> {
  const { url, pool = DEFAULT_POOL, durability } = options;
  if (url === undefined) throw new TypeError(`${client} needs the address of its database`);
  const dialect = DIALECTS[client];
  await needDriver(client, dialect.driver);
  // The lock belongs to a connection, so this has only one.
  const only = connectShared(client, url, { pool: { min: 1, max: 1 }, durability }, log);
  await openOrClose(only, async () => {
    await lockMigrations(client, only);
    await migrate(only, dialect);
  });
  await only.destroy();
  return new KnexStorage(new Database(connectShared(client, url, { pool, durability }, log), dialect));
}

async function openOrClose<T>(knex: Knex, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    await knex.destroy();
    throw error;
  }
}

class KnexStorage implements Storage {
  readonly accounts: KnexAccounts;
  readonly rosters: KnexRosters;
  readonly messages: KnexMessages;
  readonly archive: KnexArchive;
  readonly keyValues: KnexKeyValues;
  readonly nodes: KnexNodes;
  readonly #knex: Knex;

  constructor(db: Database) {
    this.#knex = db.knex;
    this.accounts = new KnexAccounts(db);
    this.rosters = new KnexRosters(db);
    this.messages = new KnexMessages(db);
    this.archive = new KnexArchive(db);
    this.keyValues = new KnexKeyValues(db);
    this.nodes = new KnexNodes(db);
  }

  async ping(): Promise<void> {
    await this.#knex.raw("select 1");
  }

  async close(): Promise<void> {
    await this.#knex.destroy();
  }
}
