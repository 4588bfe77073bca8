// Makes a checkout ready: installs what package-lock.json names and is missing, and builds what changed.
// No dependencies: it runs before there are any.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const at = (...path) => join(root, ...path);
const SOURCES = ["src", "plugins", "spec", "bench"];
/** Made when a build has succeeded; TypeScript's own file is also there after one that has not. */
const STAMP = at("dist/.built");

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  console.error(`Sluice needs Node.js 20.11 or later; this is ${process.version}.`);
  process.exit(3);
}

function run(what, command, args) {
  console.log(what);
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error?.code === "ENOENT") {
    console.error(
      `${command} is not to be found. It comes with Node.js: install it, or add its folder to PATH.`,
    );
    process.exit(3);
  }
  if (status === 0) return;
  const why = error?.message ?? signal ?? `exit code ${status}`;
  console.error(`"${[command, ...args].join(" ")}" failed (${why}); what it printed says why.`);
  process.exit(status || 1);
}

const packages = (file) => JSON.parse(readFileSync(file, "utf8")).packages;

/** Every package of the lock file stands in node_modules, in the version it names. */
function installed() {
  const done = at("node_modules/.package-lock.json");
  if (!existsSync(done)) return false;
  const there = packages(done);
  return Object.entries(packages(at("package-lock.json"))).every(([path, { version, optional }]) => {
    if (path === "" || (optional && !there[path])) return true;
    return there[path]?.version === version && existsSync(at(path, "package.json"));
  });
}

const under = (folder) => readdirSync(folder, { recursive: true, encoding: "utf8" });

function newest(folder) {
  const sources = under(at(folder)).filter((file) => file.endsWith(".ts"));
  return Math.max(0, ...sources.map((file) => statSync(at(folder, file)).mtimeMs));
}

/** What was built from a source that is gone would still be run: specs, plugins. */
function orphans() {
  return SOURCES.filter((folder) => existsSync(at("dist", folder))).flatMap((folder) =>
    under(at("dist", folder))
      .filter((file) => /\.js(\.map)?$/.test(file))
      .filter((file) => !existsSync(at(folder, file.replace(/\.js(\.map)?$/, ".ts"))))
      .map((file) => at("dist", folder, file)),
  );
}

function built() {
  if (!existsSync(STAMP) || !existsSync(at("dist/src/main.js")) || orphans().length > 0) return false;
  const others = ["tsconfig.json", "node_modules/.package-lock.json"].map(
    (file) => statSync(at(file)).mtimeMs,
  );
  return Math.max(...SOURCES.map(newest), ...others) <= statSync(STAMP).mtimeMs;
}

if (!installed()) {
  // In a fresh checkout exactly what the lock file says; later only what is missing, since SQLite would be compiled anew.
  const fresh = !existsSync(at("node_modules/.package-lock.json"));
  // --include=dev: to build, also where NODE_ENV is production.
  const args = [...(fresh ? ["ci"] : ["install", "--no-save"]), "--include=dev", "--no-audit", "--no-fund"];
  run(
    "Installing packages (SQLite is compiled where no ready one can be had: about a minute) …",
    "npm",
    args,
  );
}
if (!built()) {
  const began = Date.now();
  run("Building …", process.execPath, [at("node_modules/typescript/bin/tsc")]);
  for (const file of orphans()) rmSync(file);
  writeFileSync(STAMP, "");
  // A source that was saved meanwhile is newer than what was built from it.
  utimesSync(STAMP, began / 1000, began / 1000);
}
