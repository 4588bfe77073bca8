// Runs the specs. `npm test` runs all but those with foreign clients: `npm run test:interop` runs Gajim and the like,
// `npm run test:browser` the web page in Chromium. Further arguments go to mocha.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [mode, ...rest] = process.argv.slice(2);
const kind = ["--interop", "--browser"].includes(mode) ? mode.slice(2) : "test";
const more = kind === "test" ? process.argv.slice(2) : rest;

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

// The programs that the specs talk to: databases, brokers, clients. Each says itself what it does, and what is missing.
const setUps = [`scripts/${kind}-setup.sh`, ...(kind === "test" ? ["scripts/kafka-setup.sh"] : [])];
for (const script of setUps) {
  const setUp = run("sh", [script]);
  if (setUp !== 0 && process.env.CI === "true") process.exit(setUp);
}

const specs =
  kind === "test"
    ? ["dist/spec/**/*.spec.js", "--ignore", "dist/spec/{interop,browser}/**"]
    : [`dist/spec/${kind}/**/*.spec.js`];
process.exit(run(process.execPath, ["node_modules/mocha/bin/mocha.js", ...specs, ...more]));
