/** argv, signals, exit codes. */
import { runCli } from "./cli/cli.js";

// A terminal or pipe that has gone away is no reason to end, nor for another exit code: what is said then is heard by nobody.
for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);

const code = await runCli(process.argv.slice(2));
// At once: whatever a client or a database still keeps open has had its time.
process.exit(code);
