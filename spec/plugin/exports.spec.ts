import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";

/** What others may import of this package: docs/plugins.md, docs/adapters.md. */
describe("The package", () => {
  const root = new URL("../../../", import.meta.url);
  const { exports } = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
    exports: Record<string, { types: string; default: string }>;
  };

  for (const [name, files] of Object.entries(exports)) {
    it(`has ${name} with its types`, async () => {
      for (const file of [files.types, files.default]) assert.ok(existsSync(new URL(file, root)), file);
      // By its own name, as a plugin or an adapter does.
      assert.equal(typeof (await import(name.replace(".", "sluice"))), "object");
    });
  }

  it("has a plugin's beginnings and the adapters' suite where authors look for them", async () => {
    const { definePlugin } = await import("sluice/plugin");
    const { adapterSuite } = await import("sluice/adapter-suite");
    assert.deepEqual([typeof definePlugin, typeof adapterSuite], ["function", "function"]);
  });
});
