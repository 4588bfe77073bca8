import { refuseIfServed } from "../admin/control.js";
import { createLogger, type RootLogger } from "../log.js";
import { Server } from "../server.js";
import { version } from "../version.js";
import type { ReadConfig } from "./config.js";
import { reloadAtHangUp } from "./reload.js";
import { greet } from "./start-greeting.js";
import { stopSignal } from "./stop-signals.js";

/**
 * Starts the server, and resolves when it has stopped.
 * @param read reads the configuration, again at each SIGHUP.
 * @param workerArguments with which a worker reads the same.
 * @throws ConfigError, SetupError
 */
export async function startServer(read: ReadConfig, workerArguments: () => string[]): Promise<void> {
  const loaded = await read();
  await refuseIfServed(loaded.config.data);
  const log = createLogger(loaded.config.log);
  try {
    for (const warning of loaded.warnings) log.warn(warning);
    if (loaded.config.cluster.workers > 1) {
      const { superviseWorkers } = await import("./supervisor.js");
      await superviseWorkers(read, loaded.config, workerArguments(), log);
      return;
    }
    const starting = Server.start(loaded, log);
    reloadAtHangUp(read, loaded.config, starting, log);
    const server = await starting;
    // Not before: a start that hangs must end at once, and has nothing to put away yet.
    const told = stopSignal();
    log.info({ version, listening: server.listening }, "started");
    greet([...server.domains.keys()], server.listening);
    await stop(server, await told, log);
  } finally {
    await log.close();
  }
}

async function stop(server: Server, signal: NodeJS.Signals, log: RootLogger): Promise<void> {
  log.info({ signal }, "stopping");
  await server.stop();
  log.info("stopped");
}
