import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { WebSocketServer } from "ws";
import type { HttpServer } from "./http.js";
import { HttpError } from "./http-error.js";
import type { HttpPeer } from "./http-peer.js";
import { PerAddress } from "./per-address.js";
import { WebSocketConnection, type WebSocketOptions } from "./websocket.js";

export const WEBSOCKET_PATH = "/ws";
/** RFC 7395 §3.1 */
const SUBPROTOCOL = "xmpp";
/** The connection itself watches the size of what comes, by limits that change when somebody logs in. */
const MAX_PAYLOAD = 2 ** 30;
const MAX_FRAGMENTS = 1024;

export interface WebSocketEndpointOptions extends WebSocketOptions {
  /** ms of silence after which a client is asked whether it is there. */
  pingInterval: number;
  /** Connections that proxies bring from one address; those that come by themselves, the listener counts. 0 = no limit. */
  maxPerAddress: number;
}

/** Where WebSockets begin. */
export class WebSocketEndpoint {
  readonly #open = new Set<WebSocketConnection>();
  readonly #server: WebSocketServer;
  readonly #behindProxies: PerAddress;
  readonly #undo: (() => void)[];
  #stopping = false;

  constructor(
    http: HttpServer,
    private readonly options: WebSocketEndpointOptions,
    private readonly accept: (connection: WebSocketConnection) => void,
  ) {
    this.#behindProxies = new PerAddress(options.maxPerAddress);
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      // Compression costs 300 KB for each connection, and tells secrets by their length.
      perMessageDeflate: false,
      maxPayload: MAX_PAYLOAD,
      maxFragments: MAX_FRAGMENTS,
      // The parser does it.
      skipUTF8Validation: true,
      handleProtocols: () => SUBPROTOCOL,
    });
    const pings = setInterval(() => {
      for (const connection of this.#open) connection.checkAlive();
    }, options.pingInterval);
    this.#undo = [
      () => clearInterval(pings),
      http.upgrades.add(WEBSOCKET_PATH, (request, socket, head, peer) =>
        this.#begin(request, socket, head, peer),
      ),
      http.routes.add({
        method: "GET",
        path: WEBSOCKET_PATH,
        handler: (_request, response) => {
          // RFC 9110 §15.5.22
          response.writeHead(426, { Connection: "Upgrade", Upgrade: "websocket" }).end();
        },
      }),
    ];
  }

  /** Nobody comes in any more. */
  close(): void {
    this.#stopping = true;
  }

  stop(): void {
    for (const undo of this.#undo) undo();
    for (const connection of this.#open) connection.destroy();
  }

  #begin(request: IncomingMessage, socket: Socket, head: Buffer, peer: HttpPeer): void {
    if (this.#stopping) throw new HttpError(503);
    // RFC 7395 §3.1: a client that does not ask for it would not know what to make of what it hears.
    const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    if (!offered.includes(SUBPROTOCOL)) throw new HttpError(400);
    if (peer.proxied) {
      // RFC 6585 §4
      if (!this.#behindProxies.enter(peer.address)) throw new HttpError(429);
      socket.once("close", () => this.#behindProxies.leave(peer.address));
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      const connection = new WebSocketConnection(ws, socket, peer, this.options);
      this.#open.add(connection);
      ws.once("close", () => this.#open.delete(connection));
      this.accept(connection);
    });
  }
}
