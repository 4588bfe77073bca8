import { createInterface, type Interface } from "node:readline/promises";
import { Writable } from "node:stream";
import { AdminError } from "../admin/admin-error.js";

export interface PasswordOptions {
  passwordStdin?: boolean;
}

/** Characters; more than anybody types, and no way to fill the memory. */
const MAX_LENGTH = 4096;

/**
 * Asks for a password twice on a terminal, without showing it; otherwise takes the first line of standard input. It never
 * comes from the command line, which everybody on the machine can read.
 * @throws AdminError when there is none
 */
export async function askPassword({ passwordStdin = false }: PasswordOptions): Promise<string> {
  const password = process.stdin.isTTY && !passwordStdin ? await askTwice() : await firstLine(process.stdin);
  if (password === "") throw new AdminError("The password is empty; nothing was changed.");
  return password;
}

async function askTwice(): Promise<string> {
  // The terminal is in raw mode and readline's own echo goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    const password = await ask(lines, "Password: ");
    if (password !== "" && (await ask(lines, "The same again: ")) !== password)
      throw new AdminError("The two were not the same; nothing was changed.");
    return password;
  } finally {
    lines.close();
  }
}

/** The prompt goes to standard error: what a command has to say on standard output stays apart. */
async function ask(lines: Interface, prompt: string): Promise<string> {
  process.stderr.write(prompt);
  const given = new AbortController();
  // Ctrl-C, or the end of the input.
  const cancel = () => given.abort();
  lines.once("SIGINT", cancel).once("close", cancel);
  try {
    return await lines.question("", { signal: given.signal });
  } catch {
    throw new AdminError("No password was given; nothing was changed.");
  } finally {
    lines.off("SIGINT", cancel).off("close", cancel);
    process.stderr.write("\n");
  }
}

async function firstLine(input: NodeJS.ReadStream): Promise<string> {
  let text = "";
  for await (const chunk of input.setEncoding("utf8")) {
    text += chunk;
    if (text.includes("\n")) break;
    if (text.length > MAX_LENGTH)
      throw new AdminError(`The password is longer than ${MAX_LENGTH} characters.`);
  }
  return text.split(/\r?\n/, 1)[0];
}
