/** Says in one sentence what a zod schema found wrong. */
import type * as z from "zod";
import { keysAt, listOptions } from "./options.js";
import type { Mistake } from "./problem.js";
import { closest } from "./suggest.js";

type Issue = z.core.$ZodIssue;

const NOUNS: Record<string, string> = {
  array: "a list",
  boolean: "true or false",
  int: "a whole number",
  number: "a number",
  object: "options below it",
  record: "named entries below it",
  string: "text",
};

// Such values do not belong on a screen or in a log.
const SECRET = /url|password|secret|token/i;

/**
 * @param schema what was validated, to find names that resemble an unknown key
 * @param input what was validated, to tell what was found
 */
export function explain(issues: readonly Issue[], schema: z.core.$ZodType, input: unknown): Mistake[] {
  return issues.flatMap((issue): Mistake[] => {
    if (issue.code === "unrecognized_keys")
      return issue.keys.map((key) => unknownKey(issue.path, key, schema));
    if (issue.code === "invalid_key")
      return [{ path: issue.path, message: sentence(issue.issues[0] ?? issue) }];
    const complete = issue.code === "custom" && issue.params?.complete === true;
    return [{ path: issue.path, message: sentence(issue) + (complete ? "" : found(issue.path, input)) }];
  });
}

function unknownKey(path: PropertyKey[], key: string, schema: z.core.$ZodType): Mistake {
  const sibling = closest(key, keysAt(schema, path));
  const guess = sibling ?? elsewhere(key, schema);
  const message = guess === undefined ? "unknown option" : `unknown option, did you mean ${guess}?`;
  return { path: [...path, key], message };
}

/** The same name in another section: `maxStanzaSize` belongs below `stream`. */
function elsewhere(key: string, schema: z.core.$ZodType): string | undefined {
  const option = listOptions(schema).find(({ path }) => path.at(-1)?.toLowerCase() === key.toLowerCase());
  return option?.path.join(".");
}

function sentence(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return `expected ${NOUNS[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `expected ${oneOf(issue.values.map(String))}`;
    case "too_small":
      return `expected ${issue.inclusive === false ? "more than" : "at least"} ${amount(issue.minimum, issue.origin)}`;
    case "too_big":
      return `expected ${issue.inclusive === false ? "less than" : "at most"} ${amount(issue.maximum, issue.origin)}`;
    default:
      return issue.message;
  }
}

function amount(limit: number | bigint, origin: string): string {
  const unit = { array: "entries", set: "entries", string: "characters" }[origin];
  return unit === undefined
    ? String(limit)
    : `${limit} ${limit === 1 && unit === "entries" ? "entry" : unit}`;
}

function oneOf(names: string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

function found(path: PropertyKey[], input: unknown): string {
  if (path.some((part) => SECRET.test(String(part)))) return "";
  let value = input;
  for (const part of path) value = Object(value)[part];
  if (value === undefined) return "";
  if (value === null) return ", found nothing";
  const text = JSON.stringify(value);
  return `, found ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
}
