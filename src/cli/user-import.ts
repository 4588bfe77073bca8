import { AdminError } from "../admin/admin-error.js";
import type { Config } from "../config/schema.js";
import { type AccountChanges, withAccounts } from "./accounts.js";
import { readGiven } from "./given-file.js";

/**
 * Adds the accounts of a file of lines `name@domain<TAB>password`. A line that cannot be added is told with its number;
 * the others are added, so that the file can be put right and imported again.
 * @throws SetupError if the file cannot be read, AdminError when a line was refused
 */
export async function importUsers(config: Config, file: string): Promise<void> {
  const lines = (await readGiven(file)).replace(/^\uFEFF/, "").split(/\r?\n/);
  const refused: string[] = [];
  let added = 0;
  await withAccounts(config, async (accounts) => {
    for (const [index, line] of lines.entries()) {
      if (line === "") continue;
      const reason = await addLine(accounts, line);
      if (reason === undefined) added += 1;
      else refused.push(`${file}:${index + 1}: ${reason}`);
    }
  });
  console.log(`Added ${added} ${added === 1 ? "account" : "accounts"}.`);
  if (refused.length > 0) throw new AdminError(refused.join("\n"));
}

/** @returns why it was refused. */
async function addLine(accounts: AccountChanges, line: string): Promise<string | undefined> {
  const tab = line.indexOf("\t");
  // The line is not shown: it may be a password.
  if (tab < 0) return "expected name@domain<TAB>password.";
  try {
    await accounts.add(line.slice(0, tab), line.slice(tab + 1));
    return undefined;
  } catch (error) {
    if (error instanceof AdminError) return error.message;
    throw error;
  }
}
