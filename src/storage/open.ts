import { type Config, sqliteFile } from "../config/schema.js";
import type { Logger } from "../log.js";
import { makeDataFolder } from "./data-folder.js";
import { openStorage } from "./knex/connect.js";
import type { Storage } from "./types.js";

/**
 * Makes the data folder if need be and opens the database that the configuration names.
 * @throws SetupError what an admin must put right.
 */
export async function openConfiguredStorage(config: Config, log: Logger): Promise<Storage> {
  await makeDataFolder(config.data);
  const { client, url, pool, durability } = config.storage;
  return openStorage({ client, file: sqliteFile(config), url, pool, durability }, log);
}
