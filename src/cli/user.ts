import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import type { Command } from "commander";
import { AccountAdmin } from "../admin/accounts.js";
import { AdminError } from "../admin/admin-error.js";
import { askServer } from "../admin/control.js";
import type { Config } from "../config/schema.js";
import { createLogger } from "../log.js";
import { openConfiguredStorage } from "../storage/open.js";
import { configOf } from "./cli.js";

interface PasswordOptions {
  passwordStdin?: boolean;
}

/** `sluice user …`: through the running server where there is one, so that it knows at once; otherwise in the database. */
export function addUserCommands(sluice: Command): void {
  const user = sluice
    .command("user")
    .description("add, change, remove and list accounts; works while the server runs");
  user
    .command("add <jid>")
    .description("add an account; asks for the password")
    .option("--password-stdin", "read the password from the first line of standard input")
    .action(async (jid: string, options: PasswordOptions, command: Command) => {
      await change(configOf(command).config, "user add", jid, await askPassword(options));
      console.log(`Added ${jid}.`);
    });
  user
    .command("passwd <jid>")
    .description("give an account another password; asks for it")
    .option("--password-stdin", "read the password from the first line of standard input")
    .action(async (jid: string, options: PasswordOptions, command: Command) => {
      await change(configOf(command).config, "user passwd", jid, await askPassword(options));
      console.log(`Changed the password of ${jid}.`);
    });
  user
    .command("delete <jid>")
    .description("remove an account, its contacts and messages, and end its sessions")
    .action(async (jid: string, _options, command: Command) => {
      await change(configOf(command).config, "user delete", jid);
      console.log(`Deleted ${jid}.`);
    });
  user
    .command("list [domain]")
    .description("list accounts, one a line")
    .action((domain: string | undefined, _options, command: Command) =>
      list(configOf(command).config, domain),
    );
  user
    .command("import <file>")
    .description("add many accounts: a file of lines name@domain<TAB>password")
    .action((file: string, _options, command: Command) => importFile(configOf(command).config, file));
}

async function change(config: Config, command: string, jid: string, password?: string): Promise<void> {
  if (await askServer(config.data, { command, jid, password })) return;
  await withAccounts(config, async (accounts) => {
    if (command === "user add") await accounts.add(jid, password ?? "");
    else if (command === "user passwd") await accounts.setPassword(jid, password ?? "");
    else await accounts.remove(jid);
  });
}

async function list(config: Config, domain: string | undefined): Promise<void> {
  await withAccounts(config, async (accounts) => {
    for await (const jid of accounts.list(domain)) console.log(jid);
  });
}

async function importFile(config: Config, file: string): Promise<void> {
  const lines = (await readFile(file, "utf8")).split(/\r?\n/).filter((line) => line !== "");
  let added = 0;
  await withAccounts(config, async (accounts) => {
    for (const [index, line] of lines.entries()) {
      const [jid, password] = line.split("\t");
      if (password === undefined)
        throw new AdminError(`${file}:${index + 1}: expected name@domain<TAB>password.`);
      await accounts.add(jid, password);
      added += 1;
    }
  });
  console.log(`Added ${added} accounts.`);
}

async function withAccounts(config: Config, work: (accounts: AccountAdmin) => Promise<void>): Promise<void> {
  const storage = await openConfiguredStorage(config, createLogger({ ...config.log, level: "warn" }));
  try {
    await work(new AccountAdmin(storage.accounts, Object.keys(config.domains), config.auth.iterations));
  } finally {
    await storage.close();
  }
}

/** @throws AdminError */
async function askPassword({ passwordStdin }: PasswordOptions): Promise<string> {
  const hidden = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = process.stdin.isTTY && !passwordStdin;
  const lines = createInterface({ input: process.stdin, output: hidden, terminal: terminal === true });
  try {
    if (terminal) process.stdout.write("Password: ");
    const first = await firstLine(lines);
    if (terminal) process.stdout.write("\n");
    if (first === "") throw new AdminError("The password is empty.");
    return first;
  } finally {
    lines.close();
  }
}

async function firstLine(lines: AsyncIterable<string>): Promise<string> {
  for await (const line of lines) return line;
  return "";
}
