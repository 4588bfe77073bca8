import { createServer, type Server, type Socket } from "node:net";
import { SetupError } from "../config/setup-error.js";

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
}

/** One listening TCP port. */
export class Listener {
  readonly #server: Server;
  /** How many connections each address has now. */
  readonly #addresses = new Map<string, number>();

  constructor(
    readonly options: ListenerOptions,
    accept: (socket: Socket) => void,
  ) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      if (this.#admit(socket)) accept(socket);
      else socket.destroy();
    });
    if (options.maxConnections > 0) this.#server.maxConnections = options.maxConnections;
  }

  /**
   * @returns the port.
   * @throws SetupError when it cannot listen there.
   */
  async start(): Promise<number> {
    const { host, port, type } = this.options;
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
    this.#server.close();
  }

  #admit(socket: Socket): boolean {
    const limit = this.options.maxConnectionsPerAddress;
    if (limit === 0) return true;
    const address = socket.remoteAddress ?? "unknown";
    if (this.options.exempt?.(address)) return true;
    const count = this.#addresses.get(address) ?? 0;
    if (count >= limit) return false;
    this.#addresses.set(address, count + 1);
    socket.once("close", () => this.#left(address));
    return true;
  }

  #left(address: string): void {
    const count = (this.#addresses.get(address) ?? 1) - 1;
    if (count > 0) this.#addresses.set(address, count);
    else this.#addresses.delete(address);
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
