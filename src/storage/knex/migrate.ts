import type { Knex } from "knex";
import { SetupError } from "../../config/setup-error.js";
import type { Dialect } from "./dialect.js";
import { MIGRATIONS, type Migration } from "./migrations/index.js";

const TABLE = "migrations";

/**
 * Brings the tables to today's shape. The caller makes sure that nobody else does so at the same moment.
 * @throws SetupError if a newer version of the server has changed the tables already
 */
export async function migrate(db: Knex, dialect: Dialect): Promise<void> {
  await refuseNewer(db);
  const config: Knex.MigratorConfig = { tableName: TABLE, migrationSource: sourceFor(dialect) };
  // knex marks in a table that a migration is running. As nobody else can be here, such a mark was left by a process that died.
  await db.migrate.forceFreeMigrationsLock(config);
  await db.migrate.latest(config);
}

async function refuseNewer(db: Knex): Promise<void> {
  if (!(await db.schema.hasTable(TABLE))) return;
  const applied: string[] = await db(TABLE).orderBy("id").pluck("name");
  const unknown = applied.find((name) => !MIGRATIONS.some((known) => known.name === name));
  if (unknown === undefined) return;
  throw new SetupError(
    `The database was changed by a newer version of Sluice (${unknown}). Run that version, or restore the backup made before it.`,
  );
}

function sourceFor(dialect: Dialect): Knex.MigrationSource<Migration> {
  return {
    getMigrations: async () => [...MIGRATIONS],
    getMigrationName: ({ name }) => name,
    getMigration: async ({ name, up }) => ({
      up: (db) => up(db, dialect),
      down: () => Promise.reject(new Error(`${name} cannot be undone; restore a backup instead`)),
    }),
  };
}
