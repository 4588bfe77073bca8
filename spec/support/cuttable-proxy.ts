import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/**
 * A TCP proxy on the loopback interface whose line can be cut: what lies behind it is then out of reach, and comes back
 * with `heal`. The port stays the same all the while.
 */
export class CuttableProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cut = false;

  private constructor(private readonly target: { host: string; port: number }) {
    this.#server = createServer((client) => this.#join(client));
  }

  /** @param port to listen on; 0 takes one that is free. */
  static async open(target: { host: string; port: number }, port = 0): Promise<CuttableProxy> {
    const proxy = new CuttableProxy(target);
    proxy.#server.listen(port, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection with a reset, and each new one at once. */
  cut(): void {
    this.#cut = true;
    this.#reset();
  }

  heal(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#reset();
    await closed;
  }

  #join(client: Socket): void {
    if (this.#cut) {
      client.on("error", () => undefined);
      client.resetAndDestroy();
      return;
    }
    const behind = connect({ ...this.target, noDelay: true });
    client.setNoDelay(true);
    this.#couple(client, behind);
    this.#couple(behind, client);
  }

  #couple(one: Socket, other: Socket): void {
    this.#sockets.add(one);
    // An error is followed by `close`, which ends the other side too.
    one.on("error", () => undefined);
    one.once("close", () => {
      this.#sockets.delete(one);
      other.destroy();
    });
    one.pipe(other);
  }

  #reset(): void {
    for (const socket of this.#sockets) {
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }
}
