import { createServer, type Server, type Socket } from "node:net";
import { SetupError } from "../config/setup-error.js";
import { PerAddress } from "./per-address.js";

export interface ListenerOptions {
  type: string;
  host: string;
  /** 0 = any free one. */
  port: number;
  /** 0 = no limit. */
  maxConnections: number;
  /** 0 = no limit. */
  maxConnectionsPerAddress: number;
  /** Addresses without that limit: proxies, who speak for many. */
  exempt?: (address: string) => boolean;
  /** Connections that are accepted elsewhere, instead of listening here. */
  source?: SocketSource;
  /** Nothing is read: for somebody else who is given the connections. */
  paused?: boolean;
}

/** Who accepts connections for this process. */
export interface SocketSource {
  /** @returns the port that it listens on. */
  start(accept: (socket: Socket) => void): number;
  stop(): void;
}

/** One listening TCP port. */
export class Listener {
  readonly #server: Server;
  readonly #addresses: PerAddress;
  readonly #accept: (socket: Socket) => void;
  #handed = 0;

  constructor(
    readonly options: ListenerOptions,
    accept: (socket: Socket) => void,
  ) {
    this.#addresses = new PerAddress(options.maxConnectionsPerAddress);
    this.#accept = (socket) => {
      if (this.#admit(socket)) accept(socket);
      else socket.destroy();
    };
    this.#server = createServer({ noDelay: true, pauseOnConnect: options.paused }, this.#accept);
    if (options.maxConnections > 0) this.#server.maxConnections = options.maxConnections;
  }

  /**
   * @returns the port.
   * @throws SetupError when it cannot listen there.
   */
  async start(): Promise<number> {
    const { host, port, type, source } = this.options;
    if (source) return source.start((socket) => this.#take(socket));
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error: NodeJS.ErrnoException) =>
        reject(new SetupError(explain(error, host, port))),
      );
      this.#server.listen({ host, port, backlog: 1024 }, resolve);
    });
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error(`${type}: no port`);
    return address.port;
  }

  /** Takes no more connections; those that are open stay. */
  stop(): void {
    if (this.options.source) this.options.source.stop();
    else this.#server.close();
  }

  /** As `maxConnections` and `noDelay` of the server would have it. */
  #take(socket: Socket): void {
    const { maxConnections } = this.options;
    if (maxConnections > 0 && this.#handed >= maxConnections) {
      socket.destroy();
      return;
    }
    this.#handed += 1;
    socket.once("close", () => {
      this.#handed -= 1;
    });
    socket.setNoDelay(true);
    this.#accept(socket);
    socket.resume();
  }

  #admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? "unknown";
    if (this.options.exempt?.(address)) return true;
    if (!this.#addresses.enter(address)) return false;
    socket.once("close", () => this.#addresses.leave(address));
    return true;
  }
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case "EADDRINUSE":
      return `Port ${port} on ${host} is in use by another program. Stop that program, or give another port under listen.`;
    case "EACCES":
      return `Port ${port} on ${host} may not be opened by this user. Use a port above 1023 under listen.`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${host} is no address of this machine. Correct the host under listen.`;
    default:
      return `Port ${port} on ${host} cannot be opened: ${error.message}.`;
  }
}
