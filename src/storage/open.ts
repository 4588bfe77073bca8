import { mkdir } from "node:fs/promises";
import { type Config, sqliteFile } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import type { Logger } from "../log.js";
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

async function makeDataFolder(data: string): Promise<void> {
  try {
    await mkdir(data, { recursive: true, mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SetupError(
      `The folder ${data} cannot be made (${code}). Make it, or give another with data: in the config.`,
    );
  }
}
