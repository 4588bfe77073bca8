import type { Command } from "commander";
import { configOf } from "./config.js";
import type { PasswordOptions } from "./password.js";

const FROM_STDIN = [
  "--password-stdin",
  "read the password from the first line of standard input, without a prompt",
] as const;

/** `sluice user …` */
export function addUserCommands(sluice: Command): void {
  const user = sluice
    .command("user")
    .description("add, change, remove and list accounts; works while the server runs");
  user
    .command("add <jid>")
    .description("add an account; asks for the password")
    .option(...FROM_STDIN)
    .action(async (jid: string, options: PasswordOptions, command: Command) => {
      const { addUser } = await import("./user.js");
      await addUser((await configOf(command)).config, jid, options);
    });
  user
    .command("passwd <jid>")
    .description("give an account another password; asks for it")
    .option(...FROM_STDIN)
    .action(async (jid: string, options: PasswordOptions, command: Command) => {
      const { changePassword } = await import("./user.js");
      await changePassword((await configOf(command)).config, jid, options);
    });
  user
    .command("delete <jid>")
    .description("remove an account with all that is kept for it, tell its contacts, and end its sessions")
    .action(async (jid: string, _options, command: Command) => {
      const { deleteUser } = await import("./user.js");
      await deleteUser(await configOf(command), jid);
    });
  user
    .command("list [domain]")
    .description("list accounts, one a line")
    .action(async (domain: string | undefined, _options, command: Command) => {
      const { listUsers } = await import("./user.js");
      await listUsers((await configOf(command)).config, domain);
    });
  user
    .command("import <file>")
    .description("add many accounts: a file of lines name@domain<TAB>password")
    .action(async (file: string, _options, command: Command) => {
      const { importUsers } = await import("./user-import.js");
      await importUsers((await configOf(command)).config, file);
    });
}
