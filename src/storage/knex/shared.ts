/** PostgreSQL and MySQL: databases that several nodes share, behind an address. */
import { promisify } from "node:util";
import createKnex, { type Knex } from "knex";
import { SetupError } from "../../config/setup-error.js";
import type { Logger } from "../../log.js";
import { DIALECTS } from "./dialect.js";
import { knexLog } from "./knex-log.js";

export type SharedClient = "postgres" | "mysql";

export interface Pool {
  min: number;
  max: number;
}

/** ms */
const CONNECT_TIMEOUT = 10_000;
/** ms that work may wait for a free connection. */
const ACQUIRE_TIMEOUT = 30_000;

/** Any number, the same on all nodes: the name of the lock that a node takes to change the tables. */
const MIGRATION_LOCK = 5_222_020;
/** s to wait for another node that is changing the tables, where the database wants a limit. */
const MIGRATION_WAIT = 3600;

interface Kind {
  connection(url: string): Knex.StaticConnectionConfig;
  /** Said on each new connection. */
  settings(durability: "relaxed" | "commit"): string[];
  /** Waits for the lock and says 1 when it is taken. */
  lock: string;
}

const KINDS: Record<SharedClient, Kind> = {
  postgres: {
    connection: (url) => ({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT }),
    settings: (durability) => [
      "set session characteristics as transaction isolation level read committed",
      "set client_encoding to 'UTF8'",
      durability === "relaxed"
        ? "set synchronous_commit to off"
        : // What waits for even more than the own disk, such as remote_apply, stays.
          "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'",
    ],
    lock: `select 1 as taken from pg_advisory_lock(${MIGRATION_LOCK})`,
  },
  mysql: {
    connection: (url) =>
      ({ uri: url, charset: "utf8mb4", connectTimeout: CONNECT_TIMEOUT }) as Knex.MySql2ConnectionConfig,
    // How durable a commit is, the server decides for all its clients: innodb_flush_log_at_trx_commit.
    settings: () => [
      "set names utf8mb4 collate utf8mb4_bin",
      "set session transaction isolation level read committed",
      // Strict: what does not fit is an error and not cut. Without NO_BACKSLASH_ESCAPES, as the driver escapes with them.
      "set session sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
    ],
    lock: `select get_lock(concat('sluice.', md5(database())), ${MIGRATION_WAIT}) as taken`,
  },
};

type Connection = { query(sql: string, done: (error: Error | null) => void): void };

/**
 * Opens nothing yet: connections are made when they are needed.
 * @param url such as postgres://user:password@host/database
 */
export function connectShared(
  client: SharedClient,
  url: string,
  options: { pool: Pool; durability: "relaxed" | "commit" },
  log: Logger,
): Knex {
  const { connection, settings } = KINDS[client];
  const statements = settings(options.durability);
  return createKnex({
    client: DIALECTS[client].driver,
    connection: connection(url),
    // Otherwise the message of an error tells the values, such as what people wrote to each other.
    compileSqlOnError: false,
    acquireConnectionTimeout: ACQUIRE_TIMEOUT,
    pool: {
      ...options.pool,
      afterCreate: (fresh: Connection, done: (error: Error | null, connection: unknown) => void) =>
        say(fresh, statements).then(
          () => done(null, fresh),
          (error: Error) => done(error, fresh),
        ),
    },
    log: knexLog(log),
  });
}

/**
 * Waits until no other node changes the tables; from then on none does, until the connection is closed.
 * @throws SetupError when that takes too long
 */
export async function lockMigrations(client: SharedClient, only: Knex): Promise<void> {
  const [row] = DIALECTS[client].rows(await only.raw(KINDS[client].lock));
  if (row.taken !== 1)
    throw new SetupError("Another node has been changing the tables for an hour. Look at its log.");
}

/** @throws SetupError when the package that speaks to the database is not installed */
export async function needDriver(client: string, driver: string): Promise<void> {
  try {
    await import(driver);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw error;
    throw new SetupError(
      `storage.client is ${client}, and the package ${driver} it needs is not installed. Run "npm install ${driver}" in the folder of Sluice.`,
    );
  }
}

async function say(connection: Connection, statements: readonly string[]): Promise<void> {
  const query = promisify(connection.query.bind(connection));
  for (const statement of statements) await query(statement);
}
