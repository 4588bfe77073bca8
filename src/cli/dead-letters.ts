/** What the `sluice dead-letters` commands do. */
import type { LetterShown, LetterSummary } from "../admin/dead-letters.js";
import type { Config } from "../config/schema.js";
import { askRunning } from "./ask.js";
import { columns } from "./columns.js";

export interface ListOptions {
  limit: number;
  json?: boolean;
}

/** @throws AdminError, SetupError */
export async function listLetters(config: Config, options: ListOptions): Promise<void> {
  const { limit } = options;
  const letters = (await askRunning(config, { command: "dead-letters list", limit })) as LetterSummary[];
  if (options.json) console.log(JSON.stringify(letters, undefined, 2));
  else if (letters.length === 0) console.log("There are no dead letters.");
  else console.log(columns([["ID", "WHEN", "KIND", "REASON"], ...letters.map(cells)]));
}

function cells({ id, at, kinds, reason }: LetterSummary): string[] {
  return [id, at, said(kinds), printable(reason)];
}

/** @throws AdminError, SetupError */
export async function showLetter(config: Config, id: string, options: { body?: boolean }): Promise<void> {
  const body = options.body === true;
  const letter = (await askRunning(config, { command: "dead-letters show", id, body })) as LetterShown;
  const lines = [
    ["id:", letter.id],
    ["when:", letter.at],
    ["from:", letter.from],
    ["to:", letter.to],
    ["kind:", said(letter.kinds)],
    ["size:", `${letter.size} bytes`],
    ["reason:", printable(letter.reason)],
  ];
  if (letter.body !== undefined) lines.push(["body:", printable(letter.body)]);
  console.log(columns(lines));
}

/** @throws AdminError, SetupError */
export async function replayLetter(config: Config, id: string): Promise<void> {
  await askRunning(config, { command: "dead-letters replay", id });
  console.log(`Replayed ${id}.`);
}

/** @throws AdminError, SetupError */
export async function dropLetter(config: Config, id: string): Promise<void> {
  await askRunning(config, { command: "dead-letters drop", id });
  console.log(`Dropped ${id}.`);
}

function said(kinds: readonly string[]): string {
  return kinds.length === 0 ? "unreadable" : kinds.join(", ");
}

/** On one line, and nothing in it that a terminal would act on. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
