import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SETUP = fileURLToPath(new URL("../../../scripts/setup.mjs", import.meta.url));

/** In the place of npm: installs a compiler that copies, or fails when it is told to. */
const NPM = `#!/usr/bin/env node
const fs = require("node:fs");
console.log("npm " + process.argv.slice(2).join(" "));
if (process.env.NPM_FAILS) { console.error("npm error code E404"); process.exit(7); }
fs.rmSync("node_modules", { recursive: true, force: true });
fs.mkdirSync("node_modules/typescript/bin", { recursive: true });
fs.writeFileSync("node_modules/typescript/package.json", "{}");
fs.writeFileSync("node_modules/typescript/bin/tsc", fs.readFileSync("tsc.cjs"));
const { packages } = JSON.parse(fs.readFileSync("package-lock.json", "utf8"));
const there = Object.entries(packages).filter(([path, { optional }]) => path !== "" && !optional);
fs.writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages: Object.fromEntries(there) }));
`;
const TSC = `
const fs = require("node:fs");
console.log("tsc in " + process.cwd());
for (const folder of ["src", "spec"]) {
  fs.mkdirSync("dist/" + folder, { recursive: true });
  for (const file of fs.readdirSync(folder))
    fs.writeFileSync("dist/" + folder + "/" + file.replace(/ts$/, "js"), "");
}
if (process.env.TSC_FAILS) { console.error("main.ts(1,1): error TS1005"); process.exit(2); }
`;

describe("scripts/setup.mjs, which npm start and npm test run first", () => {
  let root: string;
  const at = (path: string) => join(root, path);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), text);
  };
  const lock = (version: string, more: object = {}) =>
    put(
      "package-lock.json",
      JSON.stringify({ packages: { "": {}, "node_modules/typescript": { version }, ...more } }),
    );

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "sluice-setup-"));
    lock("1.0.0", { "node_modules/elsewhere": { version: "1.0.0", optional: true } });
    put("tsconfig.json", "{}");
    put("tsc.cjs", TSC);
    put("bin/npm", NPM);
    chmodSync(at("bin/npm"), 0o755);
    for (const source of ["src/main.ts", "spec/a.spec.ts", "plugins/p.ts", "bench/b.ts"]) {
      put(source, "");
      aged(source, -60);
    }
    put("scripts/setup.mjs", "");
    copyFileSync(SETUP, at("scripts/setup.mjs"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  /** @param seconds from now. */
  function aged(path: string, seconds: number): void {
    const time = Date.now() / 1000 + seconds;
    utimesSync(at(path), time, time);
  }

  function setUp(env: NodeJS.ProcessEnv = {}): { status: number | null; out: string[]; err: string } {
    const path = `${at("bin")}${delimiter}${dirname(process.execPath)}`;
    // From another folder than the checkout.
    const run = spawnSync(process.execPath, [at("scripts/setup.mjs")], {
      cwd: tmpdir(),
      env: { ...process.env, PATH: path, ...env },
      encoding: "utf8",
    });
    return { status: run.status, out: run.stdout.trimEnd().split("\n").filter(Boolean), err: run.stderr };
  }

  const installs = ({ out }: { out: string[] }) => out.some((line) => /^npm (ci|install) /.test(line));
  const builds = ({ out }: { out: string[] }) => out.some((line) => line.startsWith("tsc in"));

  it("installs and builds in a fresh checkout, and says so", () => {
    const { status, out, err } = setUp();
    assert.deepEqual([status, err], [0, ""]);
    assert.match(out[0], /^Installing packages/);
    assert.match(out[1], /^npm ci .*--include=dev/);
    assert.match(out[2], /^Building/);
    assert.match(out[3], /^tsc in .*sluice-setup-/);
  });

  it("does neither and says nothing when nothing has changed", () => {
    setUp();
    assert.deepEqual(setUp(), { status: 0, out: [], err: "" });
  });

  it("installs when a package is missing or of another version than the lock file names", () => {
    setUp();
    lock("1.0.1");
    assert.ok(installs(setUp()));
    assert.ok(!installs(setUp()));
    rmSync(at("node_modules/typescript"), { recursive: true });
    // Only what is missing: `npm ci` would have everything built anew.
    assert.match(setUp().out[1], /^npm install --no-save .*--include=dev/);
  });

  it("builds when a source is newer than the build, and does not install", () => {
    setUp();
    aged("plugins/p.ts", 60);
    const again = setUp();
    assert.deepEqual([installs(again), builds(again)], [false, true]);
  });

  it("is not bothered by files that are no sources", () => {
    setUp();
    put("bench/results/table.json", "{}");
    aged("bench/results/table.json", 60);
    assert.ok(!builds(setUp()));
  });

  it("removes what was built from a source that is gone", () => {
    setUp();
    assert.ok(existsSync(at("dist/spec/a.spec.js")));
    rmSync(at("spec/a.spec.ts"));
    assert.ok(builds(setUp()));
    assert.ok(!existsSync(at("dist/spec/a.spec.js")));
    assert.ok(!builds(setUp()));
  });

  it("shows what npm said when it failed, and ends with its exit code", () => {
    const { status, err } = setUp({ NPM_FAILS: "1" });
    assert.equal(status, 7);
    assert.match(
      err,
      /^npm error code E404\n"npm ci .*" failed \(exit code 7\); what it printed says why\.\n$/,
    );
  });

  it("builds again after a build that failed", () => {
    const failed = setUp({ TSC_FAILS: "1" });
    assert.equal(failed.status, 2);
    assert.match(failed.err, /error TS1005/);
    assert.ok(builds(setUp()));
  });

  it("says where npm comes from when there is none", () => {
    const { status, err } = setUp({ PATH: at("scripts") });
    assert.equal(status, 3);
    assert.match(err, /^npm is not to be found\./);
  });
});
