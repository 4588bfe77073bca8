import { AccountAdmin } from "../admin/accounts.js";
import { askServer, isServed } from "../admin/control.js";
import type { Config } from "../config/schema.js";
import { createLogger } from "../log.js";

/** What the commands change. */
export type AccountChanges = Pick<AccountAdmin, "add" | "setPassword" | "remove">;

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
  work: (accounts: AccountAdmin) => Promise<void>,
): Promise<void> {
  const { openConfiguredStorage } = await import("../storage/open.js");
  // What is wrong with the database is said to the admin, not written to the server's log.
  const log = createLogger({ level: "warn", areas: {}, format: "pretty" }, process.stderr);
  const storage = await openConfiguredStorage(config, log);
  try {
    await work(new AccountAdmin(storage.accounts, Object.keys(config.domains), config.auth.iterations));
  } finally {
    await storage.close();
  }
}

function throughServer(data: string): AccountChanges {
  const ask = async (command: string, jid: string, password?: string): Promise<void> => {
    await askServer(data, { command, jid, password });
  };
  return {
    add: (jid, password) => ask("user add", jid, password),
    setPassword: (jid, password) => ask("user passwd", jid, password),
    remove: (jid) => ask("user delete", jid),
  };
}
