import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
} from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface ReverseProxyOptions {
  /** Of the server behind it, on 127.0.0.1. */
  backend: number;
  /** The loopback address that the server sees it at. */
  at: string;
  /** What it says that it was reached by. */
  proto: "http" | "https";
}

/** A proxy as stands before a server: passes requests and WebSockets on, and adds whom it heard to X-Forwarded-For. */
export class ReverseProxy {
  readonly #server: Server;
  readonly #tunnels = new Set<Socket>();

  private constructor(private readonly options: ReverseProxyOptions) {
    this.#server = createServer((incoming, response) => {
      const forward = request(this.#target(incoming), (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      forward.on("error", () => response.destroy());
      // Who goes away is gone for the server, too.
      response.on("close", () => forward.destroy());
      incoming.pipe(forward);
    });
    this.#server.on("upgrade", (incoming, client, head) => this.#tunnel(incoming, client as Socket, head));
  }

  static async start(options: ReverseProxyOptions): Promise<ReverseProxy> {
    const proxy = new ReverseProxy(options);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.#tunnels) socket.destroy();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #target({ method, url, headers, socket }: IncomingMessage) {
    const before = headers["x-forwarded-for"];
    const forwarded: OutgoingHttpHeaders = {
      ...headers,
      "x-forwarded-for": [...(before === undefined ? [] : [before]), socket.remoteAddress].join(", "),
      "x-forwarded-proto": this.options.proto,
    };
    const { backend, at } = this.options;
    return { host: "127.0.0.1", port: backend, localAddress: at, method, path: url, headers: forwarded };
  }

  #tunnel(incoming: IncomingMessage, client: Socket, head: Buffer): void {
    const forward = request(this.#target(incoming));
    client.on("error", () => forward.destroy());
    forward.on("error", () => client.destroy());
    forward.on("response", (answer) => {
      client.end(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nContent-Length: 0\r\n\r\n`);
    });
    forward.on("upgrade", (answer, server, first) => {
      for (const socket of [client, server as Socket]) {
        this.#tunnels.add(socket);
        socket.on("error", () => socket.destroy());
        socket.on("close", () => this.#tunnels.delete(socket));
      }
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
      client.write(first);
      server.write(head);
      client.pipe(server).pipe(client);
    });
    forward.end();
  }
}
