import { once } from "node:events";
import type { Socket } from "node:net";
import { join } from "node:path";
import { AdminError } from "../admin/admin-error.js";
import type { ControlRequest } from "../admin/control.js";
import type { LoadedConfig } from "../config/loader.js";
import { SetupError } from "../config/setup-error.js";
import { createLogger, type Logger } from "../log.js";
import { Server } from "../server.js";
import type { SocketSource } from "../transport/listener.js";
import type { ReadConfig } from "./config.js";
import { reloadAtHangUp } from "./reload.js";
import { stopSignal } from "./stop-signals.js";
import type { FromWorker, ToWorker } from "./worker-protocol.js";

/**
 * One of the processes that share the ports of a server. Resolves when it has stopped.
 * @param slot which of them, from 1
 * @throws ConfigError, SetupError
 */
export async function runWorker(slot: number, read: ReadConfig): Promise<void> {
  if (!process.send) throw new SetupError("Workers are started by `sluice start`, not by hand.");
  const readOwn = async () => asWorker(await read());
  // It may be gone before this one serves.
  const abandoned = once(process, "disconnect");
  const first = once(process, "message") as Promise<[ToWorker]>;
  const loaded = await readOwn();
  const root = createLogger(loaded.config.log);
  const log = root.child({ worker: slot });
  try {
    const [message] = await first;
    const sources = message.tells === "ports" ? message.ports.map((port) => new Handed(port)) : [];
    const starting = Server.start(loaded, log, undefined, sources);
    reloadAtHangUp(readOwn, loaded.config, { server: starting }, root);
    const server = await starting;
    // When the others have taken this one for dead, another takes its place.
    const fenced = server.fenced.then(() => {
      process.exitCode = 1;
    });
    const told = Promise.race([stopSignal(), abandoned, fenced, server.drained]);
    process.on("message", (news: ToWorker, socket?: Socket) => hear(server, sources, news, socket, log));
    log.info({ pid: process.pid }, "worker serves");
    tell({ tells: "ready", node: server.registry.node });
    const reason = await told;
    tell({ tells: "leaving" });
    if (reason === "SIGTERM" && !server.isDraining) await server.drain(loaded.config.shutdown.drain);
    await server.stop();
  } finally {
    await root.close();
  }
}

function hear(
  server: Server,
  sources: readonly Handed[],
  news: ToWorker,
  socket: Socket | undefined,
  log: Logger,
): void {
  if (news.tells === "dead") server.cluster?.isDead(news.node);
  else if (news.tells === "control") void answer(server, news.id, news.request, log);
  // The client may have gone while it was handed over.
  else if (news.tells === "connection" && socket) sources[news.listener].give(socket);
}

async function answer(server: Server, id: number, request: ControlRequest, log: Logger): Promise<void> {
  try {
    tell({ tells: "answer", id, ok: (await server.control(request)) ?? null });
  } catch (error) {
    if (error instanceof AdminError) {
      tell({ tells: "refusal", id, message: error.message });
      return;
    }
    log.error({ err: error }, "a command failed");
    tell({ tells: "fault", id });
  }
}

function tell(news: FromWorker): void {
  // When the supervisor is gone this process stops, too: there is nobody to tell.
  if (process.connected) process.send?.(news, () => undefined);
}

/** Workers are nodes: those of a server that names no other adapter talk over sockets in its data folder. */
function asWorker(loaded: LoadedConfig): LoadedConfig {
  const { config } = loaded;
  const { cluster, stream } = config;
  const alone = cluster.adapter === "memory" || cluster.adapter === "ipc";
  const own = { adapter: "ipc", options: { folder: join(config.data, "ipc"), ...cluster.options } };
  const maxConnections = Math.ceil(stream.maxConnections / cluster.workers);
  return {
    ...loaded,
    config: {
      ...config,
      cluster: alone ? { ...cluster, ...own } : cluster,
      stream: { ...stream, maxConnections },
    },
  };
}

/** Connections that the supervisor accepts. */
class Handed implements SocketSource {
  #accept: ((socket: Socket) => void) | undefined;

  constructor(private readonly port: number) {}

  start(accept: (socket: Socket) => void): number {
    this.#accept = accept;
    return this.port;
  }

  stop(): void {
    this.#accept = undefined;
  }

  give(socket: Socket): void {
    if (this.#accept) this.#accept(socket);
    else socket.destroy();
  }
}
