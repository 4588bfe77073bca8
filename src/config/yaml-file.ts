import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { type ConfigProblem, formatKey } from "./problem.js";

/** How far a path leads into a file, and to which line. */
export interface Found {
  /** How many parts of the path exist. */
  depth: number;
  line: number;
}

/** A configuration file as read: its values, and on which line each stands. */
export interface YamlFile {
  name: string;
  values: unknown;
  find(path: readonly PropertyKey[]): Found;
  /** Mistakes of the YAML itself. */
  problems: ConfigProblem[];
}

/** Reads YAML 1.2. Never throws: what is wrong is in `problems`, and `values` is then what could be read. */
export function readYaml(name: string, text: string): YamlFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = [...document.errors, ...document.warnings].map((error): ConfigProblem => {
    const [at] = error.pos;
    const place = { file: name, line: lines.linePos(at).line };
    if (error.code !== "DUPLICATE_KEY")
      return { ...place, key: "", message: `not valid YAML: ${error.message}` };
    return { ...place, key: formatKey(pathTo(document.contents, at) ?? []), message: "is there twice" };
  });
  const readable = document.errors.every(({ code }) => code === "DUPLICATE_KEY");
  const values = readable ? toValues(document, name, problems) : undefined;
  return { name, values, problems, find: (path) => find(document, lines, path) };
}

function toValues(document: Document, file: string, problems: ConfigProblem[]): unknown {
  try {
    return document.toJS();
  } catch (error) {
    // An alias without an anchor, or aliases of aliases that would fill the memory.
    problems.push({ file, line: 1, key: "", message: `not valid YAML: ${(error as Error).message}` });
    return undefined;
  }
}

function find(document: Document, lines: LineCounter, path: readonly PropertyKey[]): Found {
  let node: unknown = document.contents;
  let found: Found = { depth: 0, line: 1 };
  for (const [index, part] of path.entries()) {
    const [at, value] = child(isAlias(node) ? node.resolve(document) : node, part);
    if (at === undefined) break;
    found = { depth: index + 1, line: lines.linePos(at).line };
    node = value;
  }
  return found;
}

/** Where an entry of a map or list starts, and its value. */
function child(node: unknown, part: PropertyKey): [number?, unknown?] {
  if (isSeq(node)) {
    const item = node.items[Number(part)] as { range?: [number] } | undefined;
    return [item?.range?.[0], item];
  }
  if (!isMap(node)) return [];
  // Of duplicates the last one counts in `toJS`.
  const pair = node.items.findLast(({ key }) => isScalar(key) && String(key.value) === String(part));
  return [(pair?.key as { range?: [number] } | undefined)?.range?.[0], pair?.value];
}

/** The path of the key that stands at a place in the text. */
function pathTo(node: unknown, at: number): string[] | undefined {
  for (const [key, start, value] of entriesOf(node)) {
    const below = start === at ? [] : pathTo(value, at);
    if (below) return [key, ...below];
  }
  return undefined;
}

/** What is in a map or list: names, where these stand, and values. */
function entriesOf(node: unknown): [string, number | undefined, unknown][] {
  if (isSeq(node)) return node.items.map((item, index) => [String(index), undefined, item]);
  if (!isMap(node)) return [];
  return node.items.map(({ key, value }) => [String(key), isScalar(key) ? key.range?.[0] : undefined, value]);
}
