import { constants, statSync } from "node:fs";
import { access } from "node:fs/promises";
import { SetupError } from "../config/setup-error.js";
import type { Logger } from "../log.js";
import { makeFolder } from "../make-folder.js";

/**
 * Makes the folder `data` of the configuration, for its owner alone, if need be. Whatever keeps things there comes after.
 * @throws SetupError when it cannot be made, or not be written
 */
export async function makeDataFolder(data: string): Promise<void> {
  await orExplain(
    async () => makeFolder(data, 0o700),
    (code) => {
      const obstacle = code === "ENOTDIR" || code === "EEXIST" ? ": a file is in its way" : "";
      return `The data folder ${data} cannot be made${obstacle} (${code}). Make it, owned by the user that the server runs as, or name another with data: in the configuration.`;
    },
  );
  await orExplain(
    () => access(data, constants.R_OK | constants.W_OK | constants.X_OK),
    (code) =>
      `The data folder ${data} cannot be written (${code}). Let the user that the server runs as write there, or name another with data: in the configuration.`,
  );
}

/** It is not changed: it may be a folder that others are meant to use, too. */
export function warnIfOpen(data: string, log: Logger): void {
  const mode = statSync(data).mode & 0o777;
  if ((mode & 0o077) === 0) return;
  log.warn(
    { data, mode: mode.toString(8) },
    "other users of this machine may look into the data folder; chmod 700 keeps them out",
  );
}

async function orExplain(work: () => Promise<void>, sentence: (code: string) => string): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw new SetupError(sentence((error as NodeJS.ErrnoException).code ?? (error as Error).message));
  }
}
