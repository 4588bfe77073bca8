import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "../log.js";
import { HttpError } from "./http-error.js";
import { HttpOrigins } from "./http-origins.js";
import { HttpPeers } from "./http-peer.js";
import { responsesThatStallFor } from "./http-response.js";
import { HttpRequest, type HttpRoute, HttpRoutes } from "./http-route.js";
import { HttpTurns } from "./http-turns.js";
import { asksForWebSocket, HttpUpgrades, putBack, refuse } from "./http-upgrades.js";
import type { TlsSettings } from "./tls.js";

export interface HttpOptions {
  /** Addresses and networks of proxies that are believed. */
  trustedProxies: readonly string[];
  /** Web origins whose pages may connect, `*` among them for all. */
  origins: readonly string[];
  /** Origins of its own pages, which may do so whatever the others; known once it listens. */
  ownOrigins?(): readonly string[];
  /** ms for a request to arrive, its body included. */
  requestTimeout: number;
  /** ms that a connection may be idle between requests, or while it should take an answer. */
  keepAliveTimeout: number;
}

/** On every answer. What is served here is data, never a page that may run or be framed. */
const HEADERS: Record<string, string> = {
  "X-Content-Type-Options": "nosniff",
  "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
  "Referrer-Policy": "no-referrer",
  "Cache-Control": "no-store",
};
/** ms between two looks for connections whose time is up. */
const CHECK_INTERVAL = 5000;
const HEADERS_TIMEOUT = 15_000;

/** The one HTTP server, behind all `http` and `https` listeners. */
export class HttpServer {
  readonly routes = new HttpRoutes();
  readonly upgrades = new HttpUpgrades();
  readonly peers: HttpPeers;
  readonly #origins: HttpOrigins;
  readonly #turns = new HttpTurns();
  readonly #server: Server;

  constructor(
    private readonly options: HttpOptions,
    private readonly tls: TlsSettings,
    private readonly log: Logger,
  ) {
    this.peers = new HttpPeers(options.trustedProxies);
    this.#origins = new HttpOrigins(options.origins, () => options.ownOrigins?.() ?? []);
    const { requestTimeout, keepAliveTimeout } = options;
    this.#server = createServer(
      {
        // Node.js knows one time for all; what holds for bodies depends on the route.
        requestTimeout: 0,
        headersTimeout: Math.min(HEADERS_TIMEOUT, requestTimeout),
        keepAliveTimeout,
        connectionsCheckingInterval: Math.min(CHECK_INTERVAL, requestTimeout),
        noDelay: true,
        ServerResponse: responsesThatStallFor(keepAliveTimeout),
      },
      (request, response) => this.#arrived(request, response),
    );
    // It never listens by itself, but begins with this to look after its timeouts.
    this.#server.emit("listening");
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket as Socket, head));
  }

  /** Takes a connection from a listener. @param encrypted it begins with TLS. */
  accept(socket: Socket, encrypted: boolean): void {
    this.#server.emit("connection", encrypted ? this.tls.wrap(socket, undefined, "http/1.1") : socket);
  }

  /** Ends all connections, also those with a request under way. */
  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #arrived(incoming: IncomingMessage, response: ServerResponse): void {
    const request = new HttpRequest(incoming, this.peers.of(incoming));
    const found = this.routes.find(request.path, request.host);
    const held = found.some((route) => route.held);
    this.#turns.take(incoming.socket, {
      response,
      held,
      begin: () => void this.#serve(request, found, response),
    });
  }

  async #serve(request: HttpRequest, found: HttpRoute[], response: ServerResponse): Promise<void> {
    const { incoming } = request;
    for (const name in HEADERS) response.setHeader(name, HEADERS[name]);
    try {
      const route = this.#choose(request, found, response);
      if (!route) return;
      if (!route.unhurried) this.#limitBody(incoming, response);
      await route.handler(request, response);
    } catch (error) {
      this.#fail(error, incoming, response);
    }
  }

  /** The route that is to answer; undefined when the answer was given. @throws HttpError */
  #choose(request: HttpRequest, found: HttpRoute[], response: ServerResponse): HttpRoute | undefined {
    if (found.length === 0) throw new HttpError(404);
    const methods = found.flatMap(({ method }) => method);
    if (found.some(({ cors }) => cors)) this.#origins.allow(request.incoming, request.peer, response);
    response.setHeader(
      "Allow",
      [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", "),
    );
    if (request.method === "OPTIONS") {
      preflight(methods, response);
      return undefined;
    }
    const route = found.find(
      ({ method }) => method === request.method || method.includes(request.method as never),
    );
    if (!route) throw new HttpError(405);
    response.removeHeader("Allow");
    return route;
  }

  /** RFC 9110 §15.5.9 */
  #limitBody(incoming: IncomingMessage, response: ServerResponse): void {
    const late = setTimeout(() => {
      if (incoming.complete) return;
      if (!response.headersSent) response.writeHead(408, { Connection: "close" }).end();
      incoming.destroy();
    }, this.options.requestTimeout);
    incoming.once("close", () => clearTimeout(late));
  }

  #fail(error: unknown, incoming: IncomingMessage, response: ServerResponse): void {
    const status = this.#statusFor(error, incoming);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // What is left of the body is not read, so nothing else can come over this connection.
    if (hasBody(incoming) && !incoming.complete) response.setHeader("Connection", "close");
    response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" });
    response.end(`${STATUS_CODES[status]}\n`);
  }

  #statusFor(error: unknown, { url }: IncomingMessage): number {
    if (error instanceof HttpError) return error.status;
    this.log.error({ err: error, path: url }, "a request could not be answered");
    return 500;
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // It would be in the middle of another answer.
    if (this.#turns.isBusy(socket)) socket.destroy();
    else if (asksForWebSocket(request)) this.#handOver(request, socket, head);
    else {
      putBack(request, socket, head);
      this.#server.emit("connection", socket);
    }
  }

  #handOver(request: IncomingMessage, socket: Socket, head: Buffer): void {
    // From here on the connection is nobody's who would listen for its errors; closing it is the answer to all of them.
    socket.on("error", () => socket.destroy());
    try {
      const handler = this.upgrades.find(request);
      const peer = this.peers.of(request);
      this.#origins.check(request, peer);
      handler(request, socket, head, peer);
    } catch (error) {
      refuse(socket, this.#statusFor(error, request));
    }
  }
}

/** RFC 9112 §6.3 */
function hasBody({ headers }: IncomingMessage): boolean {
  return headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
}

function preflight(methods: readonly string[], response: ServerResponse): void {
  response.setHeader("Access-Control-Allow-Methods", methods.join(", "));
  response.setHeader("Access-Control-Allow-Headers", "Content-Type");
  response.setHeader("Access-Control-Max-Age", "86400");
  response.writeHead(204).end();
}
