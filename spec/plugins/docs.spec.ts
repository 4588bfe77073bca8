import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listOptions } from "../../src/config/options.js";
import { hookPoints } from "../../src/hooks.js";
import type { Plugin } from "../../src/plugin/api.js";
import { xml } from "../../src/xml/element.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { startTestServer } from "../support/server.js";

type Options = Parameters<typeof listOptions>[0];

const folder = new URL("../../plugins/", import.meta.url);

describe("docs/plugins.md", () => {
  let text: string;
  let plugins: Map<string, Plugin>;
  before(async () => {
    text = await readFile("docs/plugins.md", "utf8");
    plugins = await shippedPlugins();
  });

  it("has a section for each shipped plugin, in order, and for no other", () => {
    const [, shipped] = text.split("## Plugins that come with Sluice");
    const titles = [...shipped.matchAll(/^### (.+)$/gm)].map(([, title]) => title);
    assert.deepEqual(titles, [...plugins.keys()]);
  });

  it("shows every option of each plugin with its default and its sentence, and no other", () => {
    for (const [name, { options }] of plugins) {
      const expected = options ? listOptions(options as Options).map(row) : [];
      const shown = sectionOf(text, name).match(/^\| `.*$/gm) ?? [];
      assert.deepEqual(shown, expected, name);
    }
  });

  it("lists every hook point in the order in which they run, and no other", () => {
    const [, hooks] = text.split("## Hooks");
    const listed = [...hooks.split("\n## ")[0].matchAll(/^\| `([a-z:]+)` \|/gm)].map(([, point]) => point);
    assert.deepEqual(listed, hookPoints);
  });

  it("shows a plugin that works", async () => {
    const [, example] = /```ts\n(import [\s\S]*?)```/.exec(text) ?? [];
    const answer = await askExample(example);
    assert.equal(answer.getChildText("greet", "urn:example:greeting"), "Good evening, juliet");
  });
});

describe("A shipped plugin", () => {
  it("is called like its file, says what it does, and explains each of its options", async () => {
    for (const [file, { name, about, options }] of await shippedPlugins()) {
      assert.equal(name, file);
      assert.ok(about, name);
      const all = options ? listOptions(options as Options) : [];
      for (const { path, description } of all) assert.ok(description, `${name}: ${path.join(".")}`);
    }
  });

  it("has a default for each option", async () => {
    for (const [name, { options }] of await shippedPlugins()) {
      if (options) assert.doesNotThrow(() => options.parse({}), name);
    }
  });

  it("refuses options that it does not have", async () => {
    for (const [name, { options }] of await shippedPlugins()) {
      if (options) assert.equal(options.safeParse({ "no-such-option": 1 }).success, false, name);
    }
  });
});

async function shippedPlugins(): Promise<Map<string, Plugin>> {
  const found = new Map<string, Plugin>();
  for (const file of (await readdir(folder)).sort()) {
    if (!file.endsWith(".js")) continue;
    const module = (await import(new URL(file, folder).href)) as { default: Plugin };
    found.set(file.slice(0, -".js".length), module.default);
  }
  assert.notEqual(found.size, 0);
  return found;
}

function sectionOf(text: string, title: string): string {
  const [, section = ""] = text.split(`\n### ${title}\n`);
  return section.split("\n### ")[0];
}

function row({ path, default: value, section, description }: ReturnType<typeof listOptions>[number]): string {
  const shown = section || value === undefined ? "" : `\`${JSON.stringify(value)}\``;
  return `| \`${path.join(".")}\` | ${shown} | ${description} |`;
}

/** Puts the example into a file, runs a server with it and asks it as juliet would. */
async function askExample(example: string): Promise<Stanza> {
  const elsewhere = await mkdtemp(join(tmpdir(), "sluice-plugin-"));
  const file = join(elsewhere, "greeting.mjs");
  const api = new URL("../../src/plugin/api.js", import.meta.url).href;
  await writeFile(file, example.replace("../src/plugin/api.js", api));
  const { server, domain, stop } = await startTestServer({ plugins: { [file]: { word: "Good evening" } } });
  try {
    const question = Stanza.make(
      "iq",
      { type: "get", id: "1", from: Jid.of("juliet", domain, "balcony"), to: Jid.parse(domain) },
      xml("greet", { xmlns: "urn:example:greeting" }),
    );
    const served = server.domains.get(domain);
    assert.ok(served);
    assert.ok(served.features.server.has("urn:example:greeting"));
    return await served.iqs.answer(question, ["server"]);
  } finally {
    await stop();
    await rm(elsewhere, { recursive: true });
  }
}
