import { refuseIfServed } from "../admin/control.js";
import { createLogger, type RootLogger } from "../log.js";
import { Server } from "../server.js";
import { version } from "../version.js";
import type { ReadConfig } from "./config.js";
import { reloadAtHangUp } from "./reload.js";
import { stopSignal } from "./stop-signals.js";

/**
 * Starts the server, and resolves when it has stopped.
 * @param read reads the configuration, again at each SIGHUP.
 * @throws ConfigError, SetupError
 */
export async function startServer(read: ReadConfig): Promise<void> {
  const loaded = read();
  await refuseIfServed(loaded.config.data);
  const log = createLogger(loaded.config.log);
  try {
    for (const warning of loaded.warnings) log.warn(warning);
    const starting = Server.start(loaded, log);
    reloadAtHangUp(read, loaded.config, starting, log);
    const server = await starting;
    // Not before: a start that hangs must end at once, and has nothing to put away yet.
    const told = stopSignal();
    log.info({ version, listening: server.listening }, "started");
    greet(server);
    await stop(server, await told, log);
  } finally {
    await log.close();
  }
}

function greet(server: Server): void {
  const [domain] = server.domains.keys();
  const lines = server.listening.map(({ type, host, port }) => `${type} listening on ${host}:${port}`);
  console.log(
    [
      ...lines,
      `Sluice serves ${[...server.domains.keys()].join(", ")}. Stop it with Ctrl-C.`,
      `Add an account with: npx sluice user add NAME@${domain}`,
    ].join("\n"),
  );
}

async function stop(server: Server, signal: NodeJS.Signals, log: RootLogger): Promise<void> {
  log.info({ signal }, "stopping");
  await server.stop();
  log.info("stopped");
}
