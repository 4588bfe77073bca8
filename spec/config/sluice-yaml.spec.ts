import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import { loadConfig } from "../../src/config/loader.js";
import { listOptions } from "../../src/config/options.js";
import { configSchema } from "../../src/config/schema.js";

const text = readFileSync("conf/sluice.yaml", "utf8");
/** With the options that are commented out (`#key: value`, no space) switched on. */
const complete = text.replace(/^( *)#(?=\w)/gm, "$1");
const options = listOptions(configSchema).map((option) => ({ ...option, key: option.path.join(".") }));

describe("conf/sluice.yaml", () => {
  it("changes nothing: what it says is the default", () => {
    assert.deepEqual(loadConfig({ text }).config, loadConfig({ text: "" }).config);
  });

  it("stays valid when the options that are commented out are switched on", () => {
    assert.doesNotThrow(() => loadConfig({ text: complete }));
  });

  it("holds every option of the schema and no other", () => {
    assert.deepEqual([...sentences(complete).keys()].sort(), options.map(({ key }) => key).sort());
  });

  it("shows every option that has a default, and comments out those that have none", () => {
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
    for (const { key, description } of options) assert.equal(comments.get(key), description, key);
  });

  it("writes defaults as the schema does", () => {
    const shown = parseDocument(text).toJS();
    for (const { path, key, default: value, section } of options) {
      if (section || value === undefined || path.includes("*")) continue;
      const found = path.reduce((values, part) => values?.[part], shown);
      assert.deepEqual(found, value, key);
    }
  });
});

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
