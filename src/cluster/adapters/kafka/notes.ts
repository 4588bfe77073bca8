import type { AdapterLog } from "../../adapter.js";
import type { Note } from "./link.js";

/** ms within which a note is not repeated. */
const QUIET = 60_000;
const REMEMBERED = 100;

/** What the library says goes to the log, but not each time that it tries to reach a broker which is away. */
export function quietly(log: AdapterLog): Note {
  const said = new Map<string, number>();
  return (text) => {
    const now = Date.now();
    if (now - (said.get(text) ?? 0) < QUIET) return;
    if (said.size >= REMEMBERED) said.clear();
    said.set(text, now);
    log.info({ from: "kafkajs" }, text);
  };
}
