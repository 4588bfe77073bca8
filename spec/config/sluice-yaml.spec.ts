import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import { loadConfig } from "../../src/config/loader.js";
import { listOptions, type Option } from "../../src/config/options.js";
import { configSchema } from "../../src/config/schema.js";
import type { Plugin } from "../../src/plugin/api.js";
import { loadWithPlugins } from "../../src/plugin/configured.js";

type Schema = Parameters<typeof listOptions>[0];

const text = readFileSync("conf/sluice.yaml", "utf8");
/** With the options that are commented out (`#key: value` or `#- item`, no space) switched on. */
const complete = text.replace(/^( *)#(?=\w|- )/gm, "$1").replace("  register: false\n", "  register:\n");
const options = listOptions(configSchema).map(named);

describe("conf/sluice.yaml", () => {
  /** Those of the plugins that come along. */
  let theirs: ReturnType<typeof named>[];
  before(async () => {
    theirs = await pluginOptions();
    assert.notEqual(theirs.length, 0);
  });

  it("changes nothing: what it says is the default", () => {
    assert.deepEqual(loadConfig({ text }).config, loadConfig({ text: "" }).config);
  });

  it("stays valid when the options that are commented out are switched on", async () => {
    await assert.doesNotReject(loadWithPlugins({ text: complete }));
  });

  it("holds every option of the schema and of the plugins, and no other", () => {
    const expected = [...options, ...theirs].map(({ key }) => key);
    assert.deepEqual([...sentences(complete).keys()].sort(), expected.sort());
  });

  it("shows every option that has a default, and comments out those that have none, and those of plugins", () => {
    const shown = new Set(sentences(text).keys());
    // A listener's port depends on its type, so the schema alone knows no default for it.
    const expected = options.filter(
      (option) => option.default !== undefined || option.key === "listen.*.port",
    );
    const always = new Set([...expected.map(({ key }) => key), "listen.*.type"]);
    assert.deepEqual([...shown].sort(), [...always].sort());
  });

  it("explains each option with the schema's sentence", () => {
    const comments = sentences(complete);
    for (const { key, description } of [...options, ...theirs])
      assert.equal(comments.get(key), description, key);
  });

  it("writes defaults as the schema does", () => {
    assertDefaults(options, text);
    assertDefaults(theirs, complete);
  });
});

function named(option: Option) {
  return { ...option, key: option.path.join(".") };
}

async function pluginOptions(): Promise<ReturnType<typeof named>[]> {
  const folder = new URL("../../plugins/", import.meta.url);
  const files = readdirSync(folder).filter((file) => file.endsWith(".js"));
  const plugins = await Promise.all(
    files.map(async (file) => ((await import(new URL(file, folder).href)) as { default: Plugin }).default),
  );
  return plugins.flatMap(({ name, options }) =>
    options ? listOptions(options as Schema, ["plugins", name]).map(named) : [],
  );
}

function assertDefaults(expected: readonly ReturnType<typeof named>[], yaml: string): void {
  const shown = parseDocument(yaml).toJS();
  for (const { path, key, default: value, section } of expected) {
    if (section || value === undefined || path.includes("*")) continue;
    const found = path.reduce((values, part) => values?.[part], shown);
    // Where all below is commented out there is nothing.
    assert.deepEqual(found ?? {}, value, key);
  }
}

/** Each option's comment, by its path; names chosen by the admin and places in a list are `*`. */
function sentences(yaml: string): Map<string, string> {
  const found = new Map<string, string>();
  const lines = yaml.split("\n");
  const lineAt = (offset: number) => yaml.slice(0, offset).split("\n").length - 1;
  const walk = (node: unknown, path: string[]) => {
    if (isSeq(node)) for (const item of node.items) walk(item, [...path, "*"]);
    if (!isMap(node)) return;
    for (const { key, value } of node.items) {
      assert(isScalar(key) && key.range);
      const named = path.join(".") === "domains";
      const at = [...path, named ? "*" : String(key.value)];
      // The second entry of a list need not be explained again.
      if (!named && !found.has(at.join(".")))
        found.set(at.join("."), commentAbove(lines, lineAt(key.range[0])));
      walk(value, at);
    }
  };
  walk(parseDocument(yaml).contents, []);
  return found;
}

function commentAbove(lines: string[], line: number): string {
  const comment: string[] = [];
  for (let at = line - 1; /^ *# /.test(lines[at] ?? ""); at--)
    comment.unshift(lines[at].replace(/^ *# /, ""));
  return comment.join(" ");
}
