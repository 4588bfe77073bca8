import { refuseIfServed } from "../admin/control.js";
import type { LoadedConfig } from "../config/loader.js";
import { createLogger, type RootLogger } from "../log.js";
import { Server } from "../server.js";
import { version } from "../version.js";
import type { ReadConfig } from "./config.js";
import { type Running, reloadAtHangUp } from "./reload.js";
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
    const running: Running = { server: starting };
    reloadAtHangUp(read, loaded.config, running, log);
    let server = await starting;
    // Not before: a start that hangs must end at once, and has nothing to put away yet.
    const told = stopSignal();
    log.info({ version, listening: server.listening }, "started");
    greet([...server.domains.keys()], server.listening);
    for (;;) {
      const drained = server.drained.then(() => "drained" as const);
      const reason = await Promise.race([told, drained, server.fenced]);
      if (reason) {
        await stop(server, reason, log);
        return;
      }
      log.warn(
        "the other nodes took this one for dead; its clients have to come back, and it joins them anew",
      );
      await server.stop();
      running.server = Server.start(onSamePorts(loaded, server), log);
      server = await running.server;
      log.info({ listening: server.listening }, "joined anew");
    }
  } finally {
    await log.close();
  }
}

/** Clients come back to where they were. */
function onSamePorts(loaded: LoadedConfig, { listening }: Server): LoadedConfig {
  const listen = loaded.config.listen.map((one, i) => ({ ...one, port: listening[i].port }));
  return { ...loaded, config: { ...loaded.config, listen } };
}

async function stop(server: Server, reason: NodeJS.Signals | "drained", log: RootLogger): Promise<void> {
  if (reason === "SIGTERM" && !server.isDraining) await server.drain(server.config.shutdown.drain);
  log.info({ reason }, "stopping");
  await server.stop();
  log.info("stopped");
}
