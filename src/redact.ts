/**
 * Makes values fit for the log: no password, no token, no text of a message. Whatever is not plain data becomes a short
 * text, so that an object logged by carelessness cannot bring its content along.
 */

const HIDDEN = "[redacted]";
const SECRET_KEYS =
  /passw|secret|token|credential|authorization|cookie|saltedkey|storedkey|serverkey|^(body|subject|payload|proof|response|challenge|sql|bindings)$/i;

// The text after an XML tag, up to the next one.
const TEXT_IN_XML = /(<\/?[A-Za-z_][^\s<>/]*(?:\s[^<>]*)?>)[^<]+/g;
const PASSWORD_IN_URL = /(:\/\/[^\s:/@]*:)[^\s/]+@/g;

const MAX_DEPTH = 5;
const MAX_ENTRIES = 50;
const MAX_TEXT = 4096;

/** Text without what stands between XML tags and without passwords in URLs. */
export function redactText(text: string): string {
  const short = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  if (!short.includes("<") && !short.includes("://")) return short;
  return short.replace(TEXT_IN_XML, `$1${HIDDEN}`).replace(PASSWORD_IN_URL, `$1${HIDDEN}@`);
}

/** A copy of the fields of a log line, with secrets hidden at every depth. */
export function redactFields(fields: object, depth = 0): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields).slice(0, MAX_ENTRIES)) {
    result[key] = SECRET_KEYS.test(key) ? HIDDEN : redactValue(value, depth + 1);
  }
  return result;
}

/** What of an error may be logged. Database drivers put whole statements with their values into further properties. */
export function redactError(error: Error, depth = 0): Record<string, unknown> {
  const { name, stack, code, cause } = error as Error & { code?: unknown };
  const message = redactText(error.message);
  // The stack begins with the message, so only its frames are taken.
  const frames = (stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return {
    type: name,
    message,
    stack: [`${name}: ${message}`, ...frames].join("\n"),
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(cause === undefined || depth >= MAX_DEPTH ? {} : { cause: redactValue(cause, depth + 1) }),
  };
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return redactError(value, depth);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (depth >= MAX_DEPTH) return "[…]";
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((item) => redactValue(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? redactFields(value, depth) : describe(value);
}

/** An address or a date as its text, an element as its opening tag, anything else by the name of its class. */
function describe(value: object): string {
  if ("attrs" in value && "children" in value && "name" in value) return openingTag(value);
  if (value instanceof Date) return value.toJSON() ?? "invalid date";
  const text = value.toString === Object.prototype.toString ? `[${value.constructor.name}]` : String(value);
  return redactText(text);
}

function openingTag({ name, attrs }: { name: unknown; attrs: unknown }): string {
  const written = Object.entries(Object(attrs)).map(([key, value]) => ` ${key}="${value}"`);
  return `<${name}${written.join("")}>`;
}
