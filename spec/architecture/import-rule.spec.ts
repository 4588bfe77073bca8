import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path/posix";

/** For each file what it imports: files as paths from the root of the repository, packages by name. */
type Imports = ReadonlyMap<string, readonly string[]>;

const STATEMENT = /^(?:import|export)\s(?:[^"';]*?\sfrom\s)?\s*"([^"]+)"/gm;
const CALL = /\bimport\(\s*"([^"]+)"/g;

async function readImports(...folders: string[]): Promise<Imports> {
  const imports = new Map<string, string[]>();
  for (const folder of folders) {
    for (const name of (await readdir(folder, { recursive: true })).sort()) {
      if (!name.endsWith(".ts")) continue;
      const file = join(folder, name.replaceAll("\\", "/"));
      imports.set(file, importsOf(file, await readFile(file, "utf8")));
    }
  }
  return imports;
}

function importsOf(file: string, text: string): string[] {
  const named = [...text.matchAll(STATEMENT), ...text.matchAll(CALL)].map(([, name]) => name);
  return named.map((name) =>
    name.startsWith(".") ? join(dirname(file), name).replace(/\.js$/, ".ts") : name,
  );
}

/** A file with all that it may import: paths, or folders that end in a slash. */
const mayImport = (allowed: readonly string[], imported: string) =>
  allowed.some((one) => (one.endsWith("/") ? imported.startsWith(one) : imported === one));

const isFile = (imported: string) => /^(src|plugins|spec|bench)\//.test(imported);

/** The folder that a plugin of several files has to itself. */
function ownFolder(file: string): string[] {
  const [top, folder, ...rest] = file.split("/");
  return rest.length > 0 ? [`${top}/${folder}/`] : [`${top}/${folder.replace(/\.ts$/, "/")}`];
}

describe("The import rule of docs/architecture.md", () => {
  let imports: Imports;
  before(async () => {
    imports = await readImports("src", "plugins");
  });

  /** What files of a folder import beyond what they may, as "file imports file". */
  function offences(folder: string, allowed: (file: string) => readonly string[]): string[] {
    const found: string[] = [];
    for (const [file, all] of imports) {
      if (!file.startsWith(folder)) continue;
      for (const imported of all.filter(isFile)) {
        if (!mayImport(allowed(file), imported)) found.push(`${file} imports ${imported}`);
      }
    }
    return found;
  }

  it("is judged by what the files really import", () => {
    assert.ok([...imports.values()].flat().length > 400);
    assert.ok(imports.get("src/main.ts")?.includes("src/cli/cli.ts"));
    assert.deepEqual(
      importsOf(
        "src/a/b.ts",
        'import {\n  x,\n} from "../c.js";\nimport "./d.js";\nexport type { Y } from "e";\nconst f = await import("./f.js");\nimport type z from "g";\nconst h = " from \\"h\\"";',
      ),
      ["src/c.ts", "src/a/d.ts", "e", "g", "src/a/f.ts"],
    );
  });

  it("lets plugins import the plugin API and their own files", () => {
    assert.deepEqual(
      offences("plugins/", (file) => ["src/plugin/api.ts", ...ownFolder(file)]),
      [],
    );
  });

  it("lets the built-in features import the plugin API and each other", () => {
    assert.deepEqual(
      offences("src/im/", () => ["src/plugin/api.ts", "src/im/"]),
      [],
    );
  });

  it("lets adapters import the contract and their own files", () => {
    assert.deepEqual(
      offences("src/cluster/adapters/", () => ["src/cluster/adapter.ts", "src/cluster/adapters/"]),
      [],
    );
  });

  it("lets the database code import the repositories it implements and what their types are made of", () => {
    const below = [
      "src/xmpp/jid.ts",
      "src/auth/types.ts",
      "src/config/setup-error.ts",
      "src/log.ts",
      "src/make-folder.ts",
    ];
    assert.deepEqual(
      offences("src/storage/knex/", () => ["src/storage/types.ts", "src/storage/knex/", ...below]),
      [],
    );
  });

  it("lets nothing in xml, xmpp and auth import upward", () => {
    assert.deepEqual(
      [
        ...offences("src/xml/", () => ["src/xml/", "src/xmpp/errors.ts"]),
        ...offences("src/xmpp/", () => ["src/xmpp/", "src/xml/"]),
        ...offences("src/auth/", () => ["src/auth/", "src/xmpp/"]),
      ],
      [],
    );
  });

  it("lets only the program and the command line import the server", () => {
    const importers = [...imports].filter(([, all]) => all.includes("src/server.ts")).map(([file]) => file);
    assert.ok(importers.length > 0);
    assert.deepEqual(
      importers.filter((file) => !mayImport(["src/main.ts", "src/cli/"], file)),
      [],
    );
  });

  it("has each replaceable package in one place", () => {
    const places: Record<string, string> = {
      "@xmpp/xml": "src/xml/element.ts",
      ltx: "src/xml/element.ts",
      saxes: "src/xml/tokenizer.ts",
      knex: "src/storage/knex/",
      kafkajs: "src/cluster/adapters/kafka",
      amqplib: "src/cluster/adapters/rabbitmq",
    };
    const elsewhere: string[] = [];
    for (const [file, all] of imports) {
      for (const [name, place] of Object.entries(places)) {
        const used = all.some((one) => one === name || one.startsWith(`${name}/`));
        if (used && !file.startsWith(place)) elsewhere.push(`${file} imports ${name}`);
      }
    }
    assert.deepEqual(elsewhere, []);
  });

  it("has no circles, not even of types", () => {
    assert.deepEqual(circles(imports), []);
    const example = new Map([
      ["a", ["b"]],
      ["b", ["c", "d"]],
      ["c", ["a"]],
      ["d", []],
    ]);
    assert.deepEqual(circles(example), ["a → b → c → a"]);
  });
});

/** One circle for each import that closes one. */
function circles(imports: Imports): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]) => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file].join(" → "));
    if (start >= 0 || done.has(file)) return;
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of imports.keys()) visit(file, []);
  return found;
}
