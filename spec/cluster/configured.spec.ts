import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { stringify } from "yaml";
import { configuredAdapter } from "../../src/cluster/configured.js";
import { loadConfig } from "../../src/config/loader.js";
import { ConfigError } from "../../src/config/problem.js";
import { silentLog } from "../support/silent-log.js";

const MEMORY = pathToFileURL(join(import.meta.dirname, "../../src/cluster/adapters/memory.js")).href;

/** An adapter that says where its pigeons are. */
const PIGEONS = `
import { z } from "zod";
import { MemoryAdapter } from ${JSON.stringify(MEMORY)};
export const adapter = {
  name: "pigeons",
  options: z.strictObject({ loft: z.string().default("roof").describe("Where they are.") }),
  create: (options) => Object.assign(new MemoryAdapter(), options),
};
`;

describe("An adapter that does not come with Sluice", () => {
  let folder: string;
  const name = `sluice-adapter-pigeons-${process.pid}`;
  const installed = join(process.cwd(), "node_modules", name);

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-adapter-"));
    await writeFile(
      join(folder, "pigeons.mjs"),
      PIGEONS.replace('"zod"', JSON.stringify(import.meta.resolve("zod"))),
    );
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
    await rm(installed, { recursive: true, force: true });
  });

  const open = (adapter: string, options: object = {}) => {
    const storage = { client: "postgres", url: "postgres://localhost/x" };
    const text = stringify({ storage, cluster: { adapter, options } });
    return configuredAdapter(loadConfig({ file: "sluice.yaml", text }), silentLog);
  };

  it("is a module that the configuration names, with its options", async () => {
    const made = (await open(join(folder, "pigeons.mjs"), { loft: "tower" })) as unknown as { loft: string };
    assert.equal(made.loft, "tower");
  });

  it("is a package", async () => {
    await mkdir(installed);
    await writeFile(
      join(installed, "package.json"),
      JSON.stringify({ name, type: "module", exports: "./index.js" }),
    );
    await writeFile(join(installed, "index.js"), PIGEONS);
    const made = (await open(name)) as unknown as { loft: string };
    assert.equal(made.loft, "roof");
  });

  it("has its options checked, with the line where they stand", async () => {
    const wrong = open(join(folder, "pigeons.mjs"), { lofft: "tower" });
    await assert.rejects(wrong, (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^sluice\.yaml:\d+: cluster\.options\.lofft: .*did you mean loft/);
      return true;
    });
  });

  it("that is not there, or is none, is told in one sentence", async () => {
    await assert.rejects(
      open("sluice-adapter-nowhere"),
      /^ConfigError: sluice\.yaml:\d+: cluster\.adapter: .*sluice-adapter-nowhere/,
    );
    await writeFile(join(folder, "none.mjs"), "export const pigeons = 1;");
    await assert.rejects(open(join(folder, "none.mjs")), /cluster\.adapter: .*adapter/);
  });
});
