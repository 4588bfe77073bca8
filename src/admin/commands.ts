import type { AccountAdmin } from "./accounts.js";
import { AdminError } from "./admin-error.js";
import type { ControlRequest } from "./control.js";

type Command = (accounts: AccountAdmin, request: ControlRequest) => Promise<unknown>;

const commands: Record<string, Command> = {
  "user add": (accounts, { jid, password }) => accounts.add(String(jid), String(password)),
  "user passwd": (accounts, { jid, password }) => accounts.setPassword(String(jid), String(password)),
  "user delete": (accounts, { jid }) => accounts.remove(String(jid)),
};

/** What the running server does when a `sluice` command asks. @throws AdminError */
export async function handleControl(accounts: AccountAdmin, request: ControlRequest): Promise<unknown> {
  const command = Object.hasOwn(commands, request.command) ? commands[request.command] : undefined;
  if (!command) throw new AdminError(`The running server does not know the command ${request.command}.`);
  return command(accounts, request);
}
