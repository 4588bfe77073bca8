import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** A way to the server that a spec can break, as networks do. */
export class Wire {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #state: "whole" | "swallowing" | "cut" = "whole";
  /** Bytes that were taken and not passed on, in both directions. */
  readonly swallowed = { fromClient: 0, fromServer: 0 };

  private constructor(private readonly to: number) {
    this.#server = createServer((client) => this.#join(client));
  }

  /** @param port of the server, on 127.0.0.1 */
  static async to(port: number): Promise<Wire> {
    const wire = new Wire(port);
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    return wire;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("the wire does not listen");
    return address.port;
  }

  /** From now on nothing arrives, and neither side can tell. */
  swallow(): void {
    this.#state = "swallowing";
  }

  /** Ends all connections, without a word, and takes no more. */
  cut(): void {
    this.#state = "cut";
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }

  mend(): void {
    this.#state = "whole";
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    if (this.#state === "cut") {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.to, host: "127.0.0.1" });
    const pair = [client, server] as const;
    this.#pairs.add(pair);
    this.#carry(client, server, "fromClient", pair);
    this.#carry(server, client, "fromServer", pair);
  }

  #carry(
    from: Socket,
    to: Socket,
    direction: keyof Wire["swallowed"],
    pair: readonly [Socket, Socket],
  ): void {
    from.on("data", (bytes: Buffer) => {
      if (this.#state === "whole") to.write(bytes);
      else this.swallowed[direction] += bytes.length;
    });
    from.on("error", () => to.destroy());
    from.on("close", () => {
      this.#pairs.delete(pair);
      to.end();
    });
  }
}
