// Runs the specs. `npm test` runs all but the interop ones; `npm run test:interop` those. Further arguments go to mocha.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const [mode, ...rest] = process.argv.slice(2);
const interop = mode === "--interop";
const more = interop ? rest : process.argv.slice(2);

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) console.error(`${command}: ${error.message}`);
  return status ?? 1;
}

// The programs that the specs talk to: databases, clients. It says itself what it does, and what is missing.
const setUp = run("sh", [`scripts/${interop ? "interop" : "test"}-setup.sh`]);
if (setUp !== 0 && process.env.CI === "true") process.exit(setUp);

const specs = interop
  ? ["dist/spec/interop/**/*.spec.js"]
  : ["dist/spec/**/*.spec.js", "--ignore", "dist/spec/interop/**"];
process.exit(run(process.execPath, ["node_modules/mocha/bin/mocha.js", ...specs, ...more]));
