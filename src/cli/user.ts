/** What the `sluice user` commands do. The address is looked at before anybody is asked for a password. */
import { accountAddress } from "../admin/account-address.js";
import type { LoadedConfig } from "../config/loader.js";
import type { Config } from "../config/schema.js";
import { removeAccount, withAccounts, withStoredAccounts } from "./accounts.js";
import { askPassword, type PasswordOptions } from "./password.js";

/** @throws AdminError, SetupError */
export async function addUser(config: Config, text: string, options: PasswordOptions): Promise<void> {
  const jid = ownAddress(config, text);
  const password = await askPassword(options);
  await withAccounts(config, (accounts) => accounts.add(jid, password));
  console.log(`Added ${jid}.`);
}

/** @throws AdminError, SetupError */
export async function changePassword(config: Config, text: string, options: PasswordOptions): Promise<void> {
  const jid = ownAddress(config, text);
  const password = await askPassword(options);
  await withAccounts(config, (accounts) => accounts.setPassword(jid, password));
  console.log(`Changed the password of ${jid}.`);
}

/** @throws AdminError, SetupError */
export async function deleteUser(loaded: LoadedConfig, text: string): Promise<void> {
  const jid = ownAddress(loaded.config, text);
  await removeAccount(loaded, jid);
  console.log(`Deleted ${jid}.`);
}

/** @throws AdminError, SetupError */
export async function listUsers(config: Config, domain: string | undefined): Promise<void> {
  await withStoredAccounts(config, async (accounts) => {
    for await (const jid of accounts.list(domain)) console.log(jid);
  });
}

function ownAddress({ domains }: Config, text: string): string {
  return accountAddress(text, Object.keys(domains)).text;
}
