/** argv, signals, exit codes. */
import { runCli } from "./cli/cli.js";

const code = await runCli(process.argv.slice(2));
// At once: whatever a client or a database still keeps open has had its time.
process.exit(code);
