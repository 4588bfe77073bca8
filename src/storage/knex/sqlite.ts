import { chmodSync, closeSync, existsSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import createKnex, { type Knex } from "knex";
import SqliteClient from "knex/lib/dialects/sqlite3/index.js";
import type { Logger } from "../../log.js";
import { makeFolder } from "../../make-folder.js";
import { knexLog } from "./knex-log.js";

/** ms to wait for another process, such as a command line tool, that is writing to the same file. */
const BUSY_TIMEOUT = 10_000;

/**
 * KiB of the database that SQLite keeps in memory. References to archived messages go to pages of as many accounts; with
 * less room than those take, pages are written and read again several times in one transaction.
 */
const CACHE = 32 * 1024;
/** Pages of 4 KiB that may wait in the -wal file: the last page of an archive is changed often, and copied once. */
const WAL_PAGES = 4000;

/** Takes the right to write when a transaction begins. One that read first could not be sure to get it later. */
class ImmediateClient extends SqliteClient {
  override transaction(...options: unknown[]) {
    const transaction = super.transaction(...options);
    transaction.begin = (connection) => transaction.query(connection, "begin immediate");
    return transaction;
  }
}

interface SqliteConnection {
  exec(sql: string, done: (error: Error | null) => void): void;
}

/**
 * Opens a SQLite file with the one connection that all work shares: SQLite has one writer at a time anyway.
 * @param file absolute path, or ":memory:"
 * @throws the error of the file system when the file or its folder cannot be made
 */
export function connectSqlite(file: string, durability: "relaxed" | "commit", log: Logger): Knex {
  if (file !== ":memory:") makePrivateFile(file, log);
  const pragmas = [
    `busy_timeout = ${BUSY_TIMEOUT}`,
    "journal_mode = wal",
    `synchronous = ${durability === "commit" ? "full" : "normal"}`,
    "foreign_keys = on",
    `cache_size = -${CACHE}`,
    `wal_autocheckpoint = ${WAL_PAGES}`,
  ];
  const settings = pragmas.map((pragma) => `pragma ${pragma};`).join("\n");
  return createKnex({
    client: ImmediateClient as unknown as typeof Knex.Client,
    connection: { filename: file },
    useNullAsDefault: true,
    // Otherwise the message of an error tells the values, such as what people wrote to each other.
    compileSqlOnError: false,
    pool: {
      // Never closed while idle: a database in memory would be gone.
      min: 1,
      max: 1,
      afterCreate: (connection: SqliteConnection, done: (error: Error | null, connection: unknown) => void) =>
        connection.exec(settings, (error) => done(error, connection)),
    },
    log: knexLog(log),
  });
}

/** SQLite would make a file that everybody may read. Its -wal and -shm files take over the mode of the database file. */
function makePrivateFile(file: string, log: Logger): void {
  makeFolder(dirname(file), 0o700);
  closeSync(openSync(file, "a", 0o600));
  for (const one of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(one)) makePrivate(one, log);
}

/** One that was copied or restored may be open to all. */
function makePrivate(file: string, log: Logger): void {
  const mode = statSync(file).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  const before = { file, mode: mode.toString(8) };
  try {
    chmodSync(file, mode & 0o700);
    log.warn(
      before,
      "other users of this machine could open a file of the database; now its owner alone can",
    );
  } catch (error) {
    log.warn({ ...before, err: error }, "other users of this machine may open a file of the database");
  }
}
