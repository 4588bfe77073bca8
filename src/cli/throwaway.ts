import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LoadedConfig } from "../config/loader.js";
import type { Config, ListenerConfig } from "../config/schema.js";
import { createLogger } from "../log.js";
import { Server } from "../server.js";

/**
 * Runs `work` with a server as configured, but with a database in memory, a data folder of its own, and these listeners;
 * nothing of it is left afterwards.
 */
export async function withThrowawayServer(
  loaded: LoadedConfig,
  listen: ListenerConfig[],
  changes: Partial<Config>,
  work: (server: Server) => Promise<void>,
): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), "sluice-"));
  const storage = { ...loaded.config.storage, client: "sqlite" as const, sqlite: { file: ":memory:" } };
  const config: Config = { ...loaded.config, ...changes, listen, data, storage };
  const log = createLogger({ ...config.log, level: "error", file: undefined });
  try {
    const server = await Server.start({ ...loaded, config }, log);
    try {
      await work(server);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}
