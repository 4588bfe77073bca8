/** Where clients come in: ports, and what is behind them up to the streams. */
import type { Socket } from "node:net";
import { domainToASCII } from "node:url";
import { atMost } from "./at-most.js";
import type { Config, ListenerConfig } from "./config/schema.js";
import type { Logger } from "./log.js";
import { clientFeatures } from "./stream/c2s.js";
import { ClientStream } from "./stream/client-stream.js";
import type { StreamHosts } from "./stream/settings.js";
import { BoshEndpoint } from "./transport/bosh/endpoint.js";
import type { Connection, ConnectionHandler } from "./transport/connection.js";
import type { HttpServer } from "./transport/http.js";
import { Listener, type SocketSource } from "./transport/listener.js";
import { TcpConnection, type TcpOptions } from "./transport/tcp.js";
import type { TlsSettings } from "./transport/tls.js";
import { WebSocketEndpoint } from "./transport/websocket-endpoint.js";
import { StreamError } from "./xmpp/errors.js";
import { Jid } from "./xmpp/jid.js";

/** ms for what streams that were cut held to be given back. */
const GIVING_BACK = 2000;

/** A connection that waits for its stream. */
type Acceptable = Connection & { handler: ConnectionHandler };

export interface Listening {
  type: ListenerConfig["type"];
  host: string;
  port: number;
}

export class Entrances {
  readonly listening: Listening[] = [];
  readonly streams = new Set<ClientStream>();
  /** Each closes a way in; what is connected stays. */
  readonly #close: (() => void)[] = [];
  readonly #stop: (() => unknown)[] = [];
  #allEnded: (() => void) | undefined;

  /**
   * @param sources of connections, one for each entry of `listen`, instead of ports of its own.
   * @param log of the streams
   */
  constructor(
    private readonly config: Config,
    private readonly sources: readonly SocketSource[] | undefined,
    private readonly log: Logger,
  ) {}

  /** @throws SetupError where a port cannot be had. */
  async open(hosts: StreamHosts, tls: TlsSettings, http: HttpServer): Promise<void> {
    this.#openWeb(http, hosts, tls);
    await this.#listen(hosts, tls, http);
  }

  /** Where clients find what this server offers over HTTPS. */
  webAddress(domain: string): string | undefined {
    if (this.config.http.url !== undefined) return this.config.http.url;
    const https = this.listening.find(({ type }) => type === "https");
    return https && new URL(`https://${domainToASCII(domain)}:${https.port}`).origin;
  }

  /** RFC 6761 §6.3: the name `localhost` never leaves the machine, so neither does what is sent there. */
  localWebAddress(domain: string): string | undefined {
    if (domain !== "localhost" || this.config.http.url !== undefined) return undefined;
    const http = this.listening.find(({ type, host }) => type === "http" && isLoopback(host));
    return http && `http://localhost:${http.port}`;
  }

  /** Both of them, as far as there are such. */
  webAddresses(domain: string): string[] {
    return [this.webAddress(domain), this.localWebAddress(domain)].filter((one) => one !== undefined);
  }

  /** Nobody is let in any more. */
  close(): void {
    for (const close of this.#close.splice(0)) close();
  }

  /** Ends all streams with `system-shutdown`; those that do not end in time are cut. */
  async stop(): Promise<void> {
    this.close();
    const { streams } = this;
    const ended = new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    for (const stream of streams) stream.close(new StreamError("system-shutdown"));
    if (streams.size > 0) await atMost(ended, this.config.shutdown.timeout);
    for (const stream of streams) stream.connection.destroy();
    // What they did not take goes back to the store, which is closed after this.
    if (streams.size > 0) await atMost(ended, GIVING_BACK);
  }

  /** What WebSocket and BOSH still hold. */
  async release(): Promise<void> {
    for (const stop of this.#stop.splice(0).reverse()) await stop();
  }

  /** WebSocket and BOSH. */
  #openWeb(http: HttpServer, hosts: StreamHosts, tls: TlsSettings): void {
    const { stream, http: web } = this.config;
    const limits = hosts.fallback.unauthenticatedLimits;
    const { sendBuffer, closeTimeout, idleTimeout } = stream;
    const accept = (connection: Acceptable) => this.#accept(connection, hosts);
    const { pingInterval } = web.websocket;
    const maxPerAddress = stream.maxConnectionsPerAddress;
    const websocket = new WebSocketEndpoint(
      http,
      { limits, sendBuffer, closeTimeout, idleTimeout, tls, pingInterval, maxPerAddress },
      accept,
    );
    const bosh = new BoshEndpoint(
      http,
      {
        ...web.bosh,
        limits,
        sendBuffer,
        closeTimeout,
        maxSessionsPerAddress: lowest(web.bosh.maxSessionsPerAddress, maxPerAddress),
        serves: (domain) => hosts.find(Jid.tryParse(domain)?.text ?? "") !== undefined,
      },
      accept,
    );
    for (const endpoint of [websocket, bosh]) {
      this.#close.push(() => endpoint.close());
      this.#stop.push(() => endpoint.stop());
    }
  }

  async #listen(hosts: StreamHosts, tls: TlsSettings, http: HttpServer): Promise<void> {
    const { config } = this;
    const options: TcpOptions = {
      limits: hosts.fallback.unauthenticatedLimits,
      sendBuffer: config.stream.sendBuffer,
      closeTimeout: config.stream.closeTimeout,
      idleTimeout: config.stream.idleTimeout,
      keepAlive: config.stream.keepAlive,
      tls,
    };
    for (const [index, { type, host, port }] of config.listen.entries()) {
      const isWeb = type === "http" || type === "https";
      const accept = (socket: Socket) => {
        if (isWeb) http.accept(socket, type === "https");
        else this.#accept(new TcpConnection(socket, options, type === "c2s-tls"), hosts);
      };
      const { maxConnections, maxConnectionsPerAddress } = config.stream;
      const exempt = isWeb ? (address: string) => http.peers.isTrusted(address) : undefined;
      const bounds = { maxConnections, maxConnectionsPerAddress, exempt };
      const source = this.sources?.[index];
      const listener = new Listener({ type, host, port, ...bounds, source }, accept);
      this.listening.push({ type, host, port: await listener.start() });
      this.#close.push(() => listener.stop());
    }
  }

  #accept(connection: Acceptable, hosts: StreamHosts): void {
    const stream = new ClientStream(connection, hosts, clientFeatures, this.log, (ended) => {
      this.streams.delete(ended);
      if (this.streams.size === 0) this.#allEnded?.();
    });
    connection.handler = stream;
    this.streams.add(stream);
  }
}

/** Of limits where 0 is none. */
function lowest(...limits: number[]): number {
  const set = limits.filter((limit) => limit > 0);
  return set.length > 0 ? Math.min(...set) : 0;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
