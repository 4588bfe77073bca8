import { type Config, sqliteFile } from "../config/schema.js";
import type { Logger } from "../log.js";
import { makeDataFolder, warnIfOpen } from "./data-folder.js";
import { openStorage } from "./knex/connect.js";
import type { Storage } from "./types.js";

/**
 * Makes the data folder if need be and opens the database that the configuration names.
 * @throws SetupError what an admin must put right.
 */
export async function openConfiguredStorage(config: Config, log: Logger): Promise<Storage> {
  await makeDataFolder(config.data);
  warnIfOpen(config.data, log);
  const { client, url, pool } = config.storage;
  const durability = durabilityOf(config.storage);
  return openStorage({ client, file: sqliteFile(config), url, pool, durability }, log);
}

/**
 * With SQLite what is in the file survives the death of this process, the only one that uses it. One process of PostgreSQL that is
 * killed takes with it what others have not had written.
 */
function durabilityOf({ client, durability }: Config["storage"]): "relaxed" | "commit" {
  if (durability !== "auto") return durability;
  return client === "sqlite" ? "relaxed" : "commit";
}
