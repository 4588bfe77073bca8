import type { Logger } from "../../src/log.js";

const nothing = () => undefined;

/** For specs that are not about the log. */
export const silentLog: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLog,
  enabled: () => false,
};
