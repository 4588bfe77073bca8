/**
 * Loaded into a Node server under test with `--import`, for the idle measurement only: a full garbage collection on
 * SIGUSR2, so that what remains is what the sessions hold and not what their logins threw away.
 */
import { writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { heapFile } from "./heap-file.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

process.on("SIGUSR2", () => {
  // Twice: what the first run's weak callbacks let go is freed by the second.
  collect();
  collect();
  // The resident memory of a process follows late, and not below what it once had.
  const { heapUsed, external } = process.memoryUsage();
  writeFileSync(heapFile(process.pid), String(heapUsed + external));
});
