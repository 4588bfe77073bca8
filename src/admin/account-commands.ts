import type { AccountAdmin } from "./accounts.js";
import type { Commands } from "./commands.js";

/** `sluice user …` */
export function accountCommands(accounts: AccountAdmin): Commands {
  return {
    "user add": ({ jid, password }) => accounts.add(String(jid), String(password)),
    "user passwd": ({ jid, password }) => accounts.setPassword(String(jid), String(password)),
    "user delete": ({ jid }) => accounts.remove(String(jid)),
  };
}
