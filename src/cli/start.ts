import type { LoadedConfig } from "../config/loader.js";
import { createLogger, type RootLogger } from "../log.js";
import { Server } from "../server.js";

/**
 * Starts the server and resolves when it has stopped.
 * @param read reads the configuration, again at each SIGHUP.
 */
export async function startServer(read: () => LoadedConfig): Promise<void> {
  const loaded = read();
  const log = createLogger(loaded.config.log);
  for (const warning of loaded.warnings) log.warn(warning);
  const server = await Server.start(loaded, log);
  greet(server);
  const hangUp = () => void reload(server, read, log);
  process.on("SIGHUP", hangUp);
  await untilToldToStop(log);
  process.off("SIGHUP", hangUp);
  await server.stop();
  log.info("stopped");
  await log.close();
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

/** Certificates and log levels are taken over; nobody is disconnected. What is wrong leaves things as they are. */
async function reload(server: Server, read: () => LoadedConfig, log: RootLogger): Promise<void> {
  try {
    const { config } = read();
    log.setLevels(config.log);
    log.reopen();
    await server.reload(config);
    log.info("configuration read again: certificates and log levels are in force");
  } catch (error) {
    log.error({ err: error }, "the configuration could not be read again; everything stays as it is");
  }
}

function untilToldToStop(log: RootLogger): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.once(signal, () => {
        log.info({ signal }, "stopping");
        resolve();
      });
    }
  });
}
