// Makes a checkout ready: installs what package-lock.json names and is missing, and builds what changed.
// No dependencies: it runs before there are any.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [major] = process.versions.node.split(".");
if (Number(major) < 20) {
  console.error(`Sluice needs Node.js 20 or later; this is ${process.version}.`);
  process.exit(3);
}

function run(what, command, args) {
  console.log(what);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error || status !== 0) {
    console.error(
      `"${command} ${args.join(" ")}" failed${error ? `: ${error.message}` : ""}; what it printed says why.`,
    );
    process.exit(status || 1);
  }
}

/** Every package of the lock file stands in node_modules, in the version it names. */
function installed() {
  const done = join(root, "node_modules/.package-lock.json");
  if (!existsSync(done)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const there = JSON.parse(readFileSync(done, "utf8")).packages;
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional || there[path]?.version === version,
  );
}

function newest(folder) {
  let time = 0;
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true, recursive: true })) {
    if (entry.isFile())
      time = Math.max(time, statSync(join(entry.parentPath ?? entry.path, entry.name)).mtimeMs);
  }
  return time;
}

function built() {
  const stamp = join(root, "dist/.tsbuildinfo");
  if (!existsSync(stamp) || !existsSync(join(root, "dist/src/main.js"))) return false;
  const time = statSync(stamp).mtimeMs;
  const sources = ["src", "plugins", "spec", "bench"].map(newest);
  return Math.max(...sources, statSync(join(root, "tsconfig.json")).mtimeMs) <= time;
}

if (!installed()) {
  run("Installing packages (SQLite is compiled where no ready one can be had: about a minute) …", "npm", [
    "ci",
    "--no-audit",
    "--no-fund",
  ]);
}
if (!built()) run("Building …", process.execPath, [join(root, "node_modules/typescript/bin/tsc")]);
