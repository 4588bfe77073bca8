/** argv, signals, exit codes. */
import { setFlagsFromString } from "node:v8";
import { runCli } from "./cli/cli.js";

// Otherwise V8 may decide, from what lives long while many log in, to make parts of every message where old things are. They are
// used up at once all the same, and what they refer to grows old with them: docs/architecture.md, "One turn, one write".
setFlagsFromString("--no-allocation-site-pretenuring");

// A terminal or pipe that has gone away is no reason to end, nor for another exit code: what is said then is heard by nobody.
for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);

const code = await runCli(process.argv.slice(2));
// At once: whatever a client or a database still keeps open has had its time.
process.exit(code);
