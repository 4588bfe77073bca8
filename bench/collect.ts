/**
 * Loaded into a Node server under test with `--import`, for the idle measurement only: a full garbage collection on
 * SIGUSR2, so that what remains is what the sessions hold and not what their logins threw away.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

process.on("SIGUSR2", () => {
  // Twice: what the first run's weak callbacks let go is freed by the second.
  collect();
  collect();
});
