import { isDeepStrictEqual } from "node:util";
import type { Config } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import type { RootLogger } from "../log.js";
import type { Server } from "../server.js";
import type { ReadConfig } from "./config.js";

/** The server as it is now: one that was cut off from its cluster is replaced. */
export interface Running {
  server: Promise<Server>;
}

/**
 * Takes over certificates and log levels at each SIGHUP; nobody is disconnected. What is wrong leaves things as they are.
 * @param config as the server started with it.
 */
export function reloadAtHangUp(read: ReadConfig, config: Config, running: Running, log: RootLogger): void {
  // One at a time, in order: the last signal has the last word.
  let last: Promise<unknown> = Promise.resolve();
  process.on("SIGHUP", () => {
    last = last.then(() => running.server).then((server) => reload(server, read, config, log));
    // Why a start failed is said by whoever started it.
    last = last.catch(() => undefined);
  });
}

async function reload(server: Server, read: ReadConfig, before: Config, log: RootLogger): Promise<void> {
  try {
    const { config, warnings } = await read();
    for (const warning of warnings) log.warn(warning);
    await server.reload(config);
    log.setLevels(config.log);
    log.reopen();
    log.info("configuration read again: certificates and log levels are in force");
    if (!isDeepStrictEqual(fixed(before), fixed(config)))
      log.warn("other options have changed too; they take effect when the server is started again");
  } catch (error) {
    const reason = error instanceof SetupError ? { reason: error.message } : { err: error };
    log.error(reason, "the configuration could not be taken over; everything stays as it is");
  }
}

/** The options that hold until the server ends. */
function fixed({ domains, log, ...rest }: Config): unknown {
  const others = Object.entries(domains).map(([name, { certificate, key, ...own }]) => [name, own]);
  return { ...rest, domains: others, log: { format: log.format, file: log.file } };
}
