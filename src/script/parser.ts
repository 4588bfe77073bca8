import { parse as parseYaml, YAMLParseError } from "yaml";
import { ScriptFailure } from "./failure.js";
import { readPhrase, takesArgument, takesBody } from "./phrases.js";
import type { ClientSpec, Script, Step } from "./script.js";

interface Line {
  number: number;
  text: string;
}

/** A line at the left margin and the indented lines below it. */
interface Paragraph extends Line {
  body: Line[];
}

const COMMENT = /^(#|\/\/|--(?!-))/;
const SEPARATOR = /^-{5,}\s*$/;
const SECTION = /^\[(\w+)\]\s*(.*?)\s*$/;
const PROPERTY = /^(\w+):\s*(.*?)\s*$/;

/**
 * Reads a script: comment lines, sections, `-----`, actions.
 * @param file its name, for messages.
 * @throws ScriptFailure for the first line that makes no sense.
 */
export function parseScript(text: string, file: string): Script {
  const lines = text.split(/\r?\n/).map((line, index) => ({ number: index + 1, text: line }));
  const separator = lines.findIndex((line) => SEPARATOR.test(line.text));
  if (separator < 0)
    throw new ScriptFailure(file, lines.length, "no line of dashes between clients and actions");
  const script: Script = { file, title: readTitle(lines), clients: [], server: undefined, steps: [] };
  for (const section of paragraphs(lines.slice(0, separator), file)) readSection(section, script);
  if (script.clients.length === 0) throw new ScriptFailure(file, separator + 1, "no [Client] section");
  const actions = paragraphs(lines.slice(separator + 1), file);
  script.steps = actions.map((action) => readStep(action, script));
  return script;
}

function readTitle(lines: Line[]): string {
  const title: string[] = [];
  for (const { text } of lines) {
    if (!COMMENT.test(text)) break;
    title.push(text.replace(/^(#+|\/\/|--)\s?/, ""));
  }
  return title.join("\n").trim();
}

function paragraphs(lines: Line[], file: string): Paragraph[] {
  const found: Paragraph[] = [];
  for (const line of lines) {
    if (COMMENT.test(line.text)) continue;
    if (/^\S/.test(line.text)) {
      found.push({ ...line, body: [] });
    } else if (found.length > 0) {
      found[found.length - 1].body.push(line);
    } else if (line.text.trim() !== "") {
      throw new ScriptFailure(file, line.number, "indented line that belongs to nothing");
    }
  }
  return found;
}

/** The block without its common indentation and without blank lines around it. */
function dedent(lines: Line[]): string {
  const filled = lines.filter((line) => line.text.trim() !== "");
  const indents = filled.map((line) => /^\s*/.exec(line.text)?.[0].length ?? 0);
  const common = Math.min(...indents);
  return lines
    .map((line) => line.text.slice(common))
    .join("\n")
    .replace(/^\n+|\s+$/g, "");
}

function readSection(section: Paragraph, script: Script): void {
  const [, kind, name] = SECTION.exec(section.text) ?? [];
  if (kind === "Client") script.clients.push(readClient(name, section, script));
  else if (kind === "Server") script.server = readServer(section, script.file);
  else throw new ScriptFailure(script.file, section.number, "expected [Client] NAME, [Server] or -----");
}

function readServer(section: Paragraph, file: string): unknown {
  try {
    return parseYaml(dedent(section.body)) ?? {};
  } catch (cause) {
    if (!(cause instanceof YAMLParseError)) throw cause;
    const line = section.number + (cause.linePos?.[0].line ?? 1);
    throw new ScriptFailure(file, line, `[Server] ${cause.message}`, { cause });
  }
}

const PROPERTIES = new Set(["jid", "password", "resource", "transport", "account"]);

function readClient(name: string, section: Paragraph, script: Script): ClientSpec {
  const { file } = script;
  const properties = new Map<string, string>();
  for (const line of section.body) {
    if (/^\s*(#|$)/.test(line.text)) continue;
    const [, key, value] = PROPERTY.exec(line.text.trim()) ?? [];
    if (key === undefined || !PROPERTIES.has(key)) {
      throw new ScriptFailure(file, line.number, `a client has ${[...PROPERTIES].join(", ")}`);
    }
    properties.set(key, value);
  }
  const fail = (what: string): never => {
    throw new ScriptFailure(file, section.number, what);
  };
  if (name === "") fail("a client needs a name");
  if (script.clients.some((client) => client.name === name)) fail(`two clients are called ${name}`);
  const jid = properties.get("jid") ?? fail(`${name} has no jid`);
  const [bare, resource] = jid.split(/\/(.*)/s);
  if (!bare.includes("@")) fail(`the jid of ${name} has no localpart`);
  const account = properties.get("account") ?? "fresh";
  if (account !== "fresh" && account !== "fixed" && account !== "none")
    return fail("account: fresh, fixed or none");
  return {
    name,
    line: section.number,
    jid,
    password: properties.get("password") ?? "password",
    resource: properties.get("resource") ?? resource,
    transport: properties.get("transport"),
    account,
  };
}

function readStep(action: Paragraph, script: Script): Step {
  const fail = (what: string): never => {
    throw new ScriptFailure(script.file, action.number, what);
  };
  const client = speaker(action.text, script.clients) ?? fail(`no client says this: ${action.text}`);
  const said = action.text.slice(client.length).trim();
  const found = readPhrase(said) ?? fail(`unknown action: ${said}`);
  const { phrase, rest } = found;
  const block = action.body.length === 0 ? "" : dedent(action.body);
  const body = takesBody(phrase) && block === "" ? rest : block;
  if (takesBody(phrase) ? body === "" : block !== "") {
    fail(takesBody(phrase) ? `"${phrase}" needs an indented block` : `"${phrase}" takes no block`);
  }
  if (takesArgument(phrase) ? rest === "" : rest !== "" && rest !== body) {
    fail(takesArgument(phrase) ? `"${phrase}" needs a word after it` : `"${rest}" after "${phrase}"`);
  }
  return { line: action.number, client, phrase, argument: rest, body, text: action.text.trim() };
}

/** The longest client name that the line starts with: "Juliet's phone" before "Juliet". */
function speaker(text: string, clients: ClientSpec[]): string | undefined {
  const names = clients.map((client) => client.name).filter((name) => text.startsWith(`${name} `));
  return names.sort((a, b) => b.length - a.length)[0];
}
