import type { Knex } from "knex";
import type { Logger } from "../../log.js";

/** What knex itself has to say, as lines of the log. */
export function knexLog(log: Logger): Knex.Logger {
  return {
    warn(message) {
      const [line] = String(message).split("\n");
      // Whoever wanted the connection is told so too, and knows better what it means.
      if (line.startsWith("Acquire connection error")) log.debug(line);
      else log.warn(line);
    },
    error: (message) => log.error(String(message)),
    deprecate: (method, alternative) => log.debug({ method, alternative }, "deprecated in knex"),
    debug: (message) => log.trace(String(message)),
  };
}
