import { StoredAccounts } from "../admin/accounts.js";
import { askServer, isServed } from "../admin/control.js";
import type { LoadedConfig } from "../config/loader.js";
import type { Config } from "../config/schema.js";
import { createLogger, type RootLogger } from "../log.js";

/** What the commands change. */
export type AccountChanges = Pick<StoredAccounts, "add" | "setPassword">;

/**
 * Changes accounts through the running server where there is one, so that it knows at once; otherwise in the database.
 * @throws AdminError, SetupError
 */
export async function withAccounts(
  config: Config,
  work: (accounts: AccountChanges) => Promise<void>,
): Promise<void> {
  if (await isServed(config.data)) await work(throughServer(config.data));
  else await withStoredAccounts(config, work);
}

/** Opens the database itself, beside a server that may be running. @throws AdminError, SetupError */
export async function withStoredAccounts(
  config: Config,
  work: (accounts: StoredAccounts) => Promise<void>,
): Promise<void> {
  const { openConfiguredStorage } = await import("../storage/open.js");
  const storage = await openConfiguredStorage(config, logForAdmin());
  try {
    await work(new StoredAccounts(storage.accounts, Object.keys(config.domains), config.auth.iterations));
  } finally {
    await storage.close();
  }
}

/**
 * Removes an account through the running server, or one that runs for this moment and lets nobody in: others are told,
 * and have it no longer among their contacts.
 * @throws AdminError, SetupError
 */
export async function removeAccount(loaded: LoadedConfig, jid: string): Promise<void> {
  const { config } = loaded;
  if (await isServed(config.data)) {
    await askServer(config.data, { command: "user delete", jid });
    return;
  }
  const { Server } = await import("../server.js");
  // Of the certificates that a server has, there is nothing to say.
  const log = logForAdmin({ server: "error" });
  const server = await Server.start({ ...loaded, config: { ...config, listen: [] } }, log);
  try {
    await server.accounts.remove(jid);
  } finally {
    await server.stop();
  }
}

/** What is wrong with the database is said to the admin, not written to the server's log. */
function logForAdmin(areas: Config["log"]["areas"] = {}): RootLogger {
  return createLogger({ level: "warn", areas, format: "pretty" }, process.stderr);
}

function throughServer(data: string): AccountChanges {
  const ask = async (command: string, jid: string, password: string): Promise<void> => {
    await askServer(data, { command, jid, password });
  };
  return {
    add: (jid, password) => ask("user add", jid, password),
    setPassword: (jid, password) => ask("user passwd", jid, password),
  };
}
