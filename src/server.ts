/** The composition root: builds the parts in order, stops them in reverse. */
import { createHmac, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { hostname } from "node:os";
import { domainToASCII } from "node:url";
import { accountCommands } from "./admin/account-commands.js";
import { AccountAdmin } from "./admin/accounts.js";
import { clusterCommands } from "./admin/cluster-commands.js";
import { handleControl } from "./admin/commands.js";
import { type ControlRequest, ControlServer, controlPath } from "./admin/control.js";
import { deadLetterCommands } from "./admin/dead-letters.js";
import { drainCommands } from "./admin/drain-commands.js";
import { AccountRemoval } from "./admin/removal.js";
import type { ClusterAdapter } from "./cluster/adapter.js";
import { Cluster } from "./cluster/cluster.js";
import { configuredAdapter } from "./cluster/configured.js";
import { LINK_DEFAULTS } from "./cluster/link.js";
import { Resumption } from "./cluster/resumption.js";
import type { LoadedConfig } from "./config/loader.js";
import { validatePlugins } from "./config/plugin-options.js";
import type { Config, ListenerConfig } from "./config/schema.js";
import { Evacuation } from "./evacuation.js";
import type { Logger } from "./log.js";
import { ServerArchive } from "./plugin/archive-access.js";
import { chosenFor, pluginNames } from "./plugin/chosen.js";
import type { ContextParts } from "./plugin/context.js";
import { loadPlugins, PluginHost, schemasOf } from "./plugin/host.js";
import { KeyedTurns } from "./plugin/keyed-turns.js";
import { NodeNews } from "./plugin/node-news.js";
import { ArchiveIds } from "./router/archive-ids.js";
import { Archiving } from "./router/archiving.js";
import { Delivery } from "./router/delivery.js";
import { Domain } from "./router/domain.js";
import { Drains } from "./router/drains.js";
import { Inbound } from "./router/inbound.js";
import { OfflineStorage } from "./router/offline.js";
import { Requests } from "./router/requests.js";
import { noRemoteDomains, Router } from "./router/router.js";
import { Sent } from "./router/sent.js";
import { Binder } from "./session/binder.js";
import { Registry } from "./session/registry.js";
import type { Resource } from "./session/session.js";
import { AccountCache } from "./storage/account-cache.js";
import { ArchiveCleaner } from "./storage/archive-cleaner.js";
import { makeDataFolder } from "./storage/data-folder.js";
import { MessageIds } from "./storage/message-id.js";
import { MessageLog } from "./storage/message-log.js";
import { openConfiguredStorage } from "./storage/open.js";
import { ReferenceLog } from "./storage/reference-log.js";
import type { NodeRow, Storage } from "./storage/types.js";
import { clientFeatures } from "./stream/c2s.js";
import { ClientStream } from "./stream/client-stream.js";
import { LoginLimiter } from "./stream/login-limiter.js";
import type { StreamHosts, StreamSettings } from "./stream/settings.js";
import { BoshEndpoint } from "./transport/bosh/endpoint.js";
import { type Certificates, loadCertificates } from "./transport/certificates.js";
import type { Connection, ConnectionHandler } from "./transport/connection.js";
import { HttpServer } from "./transport/http.js";
import { Listener, type SocketSource } from "./transport/listener.js";
import { TcpConnection, type TcpOptions } from "./transport/tcp.js";
import { TlsSettings } from "./transport/tls.js";
import { WebSocketEndpoint } from "./transport/websocket-endpoint.js";
import { StreamError } from "./xmpp/errors.js";
import { Jid } from "./xmpp/jid.js";

/** ms for what streams that were cut held to be given back. */
const GIVING_BACK = 2000;

/** ms for other nodes to write what a query of the archive should find. */
const OTHERS_COMPLETE = 2000;

/** A connection that waits for its stream. */
type Acceptable = Connection & { handler: ConnectionHandler };

export interface Listening {
  type: ListenerConfig["type"];
  host: string;
  port: number;
}

/** One node. */
export class Server {
  readonly listening: Listening[] = [];
  readonly #streams = new Set<ClientStream>();
  /** Each closes a way in; what is connected stays. */
  readonly #closeEntrances: (() => void)[] = [];
  readonly #undo: (() => unknown)[] = [];
  #stopping: Promise<void> | undefined;
  #allEnded: (() => void) | undefined;
  accounts!: AccountAdmin;
  domains: ReadonlyMap<string, Domain> = new Map();
  registry!: Registry;
  /** Undefined on a server that is alone. */
  cluster: Cluster | undefined;
  #evacuation: Evacuation | undefined;
  #certificates!: Certificates;

  private constructor(
    readonly config: Config,
    private readonly log: Logger,
    private readonly sources: readonly SocketSource[] | undefined,
  ) {
    this.fenced = new Promise((resolve) => {
      this.#onFenced = resolve;
    });
    this.drained = new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  /**
   * @param sources of connections, one for each entry of `listen`, instead of ports of its own: whoever gives them is asked
   *   by admins, too.
   * @throws SetupError what an admin must put right, ConfigError for options of plugins.
   */
  static async start(
    loaded: LoadedConfig,
    log: Logger,
    adapter?: ClusterAdapter,
    sources?: readonly SocketSource[],
  ): Promise<Server> {
    const server = new Server(loaded.config, log, sources);
    try {
      await server.#start(loaded, adapter);
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Takes over certificates of a configuration that was read anew. @throws SetupError and keeps the old ones. */
  async reload(config: Config): Promise<void> {
    await this.#certificates.reload(config);
  }

  /**
   * Hands its sessions over to other nodes, once and for all, and lets nobody in any more; then it is to be stopped.
   * @param time ms it may take; 0 = not at all
   */
  async drain(time: number): Promise<void> {
    if (time > 0 && this.#evacuation) {
      for (const close of this.#closeEntrances.splice(0)) close();
      await this.#evacuation.run(time);
    }
    this.#onDrained();
  }

  get isDraining(): boolean {
    return this.#evacuation?.isRunning ?? false;
  }

  /** Closes streams with `system-shutdown`, writes what is left, and leaves nothing open. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(loaded: LoadedConfig, given: ClusterAdapter | undefined): Promise<void> {
    const { config, log } = this;
    const { plugins, unloadable } = await loadPlugins(pluginNames(config));
    const options = validatePlugins(loaded, schemasOf(plugins), unloadable);
    // First: the certificates that are made here are kept there too.
    await makeDataFolder(config.data);
    this.#certificates = await loadCertificates(config, (sentence) => log.warn(sentence));

    const storage = await openConfiguredStorage(config, log.child({ area: "storage" }));
    this.#undo.push(() => storage.close());
    const storageLog = log.child({ area: "storage" });
    const adapter = given ?? (await configuredAdapter(loaded, log.child({ area: "cluster" })));
    const self = newNodeId();
    const slot = adapter ? await slotOf(storage, self) : 0;
    const ids = new MessageIds(slot);
    const references = new ReferenceLog(storage.archive, ids.slot, storageLog);
    this.#undo.push(() => references.stop());
    references.start();
    const messageLog = new MessageLog(storage.messages, ids, storageLog, {}, references);
    this.#undo.push(() => messageLog.stop());
    const cleaner = new ArchiveCleaner(storage.archive, storageLog);
    this.#undo.push(() => cleaner.stop());
    cleaner.start();
    const cache = new AccountCache(storage.accounts);

    const cluster =
      adapter &&
      new Cluster({
        self,
        adapter,
        nodes: storage.nodes,
        messages: storage.messages,
        flushed: () => messageLog.flushed(),
        settle: (message) => messageLog.settleStored(message),
        ids,
        options: { beat: config.cluster.beat, deadAfter: config.cluster.deadAfter, link: LINK_DEFAULTS },
        log: log.child({ area: "cluster", node: self }),
      });
    this.cluster = cluster;
    if (cluster) this.#undo.push(() => cluster.stop());
    if (cluster) cache.onForget = (jid) => cluster.forget(jid);
    const registry = new Registry(self, cluster);
    this.registry = registry;
    const [streams, { address }] = [this.#streams, config.cluster];
    const clusterLog = log.child({ area: "cluster" });
    this.#evacuation = cluster && new Evacuation({ cluster, registry, streams, address, log: clusterLog });
    const domains = new Map(Object.keys(config.domains).map((name) => [name, new Domain(Jid.parse(name))]));
    this.domains = domains;
    const removal = new AccountRemoval(
      domains,
      storage.accounts,
      cache,
      registry,
      log.child({ area: "accounts" }),
    );
    this.accounts = new AccountAdmin(storage.accounts, [...domains.keys()], config.auth.iterations, {
      cache,
      removal,
    });
    const archiveIds = new ArchiveIds(keyFor("archive ids", await deploymentSecret(storage)));
    const archiving = new Archiving(domains, registry, cache, archiveIds);
    const offlineLog = log.child({ area: "offline" });
    const drains = new Drains(registry, storage.messages, messageLog, offlineLog, archiving);
    const offline = new OfflineStorage(
      cache,
      storage.messages,
      messageLog,
      drains,
      config.offline.maxMessages,
      offlineLog,
      archiving,
      registry.nodes,
    );
    const requests = new Requests(undefined, self, (iq) => registry.nodes.answered(iq));
    this.#undo.push(() => requests.stop());
    const delivery = new Delivery(registry, cache, messageLog, drains, offline, requests, archiving);
    const router = new Router(domains, delivery, noRemoteDomains, cache, requests, archiving);
    const inbound = new Inbound(domains, router, messageLog, new Sent(domains, registry, archiving));

    const tls = new TlsSettings(this.#certificates, {
      minVersion: config.tls.minVersion,
      bindings: config.auth.channelBindings,
      clientCertificates: config.tls.clientCertificates,
    });
    const http = new HttpServer(config.http, tls, log.child({ area: "http" }));
    this.#undo.push(() => http.stop());

    const archive = new ServerArchive(archiveIds, messageLog, references, async () =>
      cluster?.askAll("archive complete", null, OTHERS_COMPLETE),
    );
    cluster?.answers("archive complete", () => archive.completeHere());
    const { iterations } = config.auth;
    const parts: ContextParts = {
      iterations,
      storage,
      sessions: registry,
      accounts: cache,
      removal,
      router,
      requests,
      turns: new KeyedTurns(),
      news: new NodeNews((topic, news) => registry.nodes.tell(topic, news)),
      routes: http.routes,
      archive,
      webAddress: (domain) => this.#webAddress(domain),
      localWebAddress: (domain) => this.#localWebAddress(domain),
      dataFolder: config.data,
      log,
    };
    for (const domain of domains.values()) {
      offline.serve(domain);
      const host = new PluginHost(domain, parts, log.child({ area: "plugin" }));
      this.#undo.push(() => host.stop());
      await host.start(chosenFor(config, plugins, options.get(domain.name) ?? new Map()));
    }

    const binder = new Binder(registry, config.session, log.child({ area: "session" }), (stanza) =>
      delivery.lost(stanza),
    );
    this.#undo.push(() => binder.endHibernating());
    const resumption = cluster && new Resumption(cluster, binder);
    const hosts = await streamHosts(config, domains, storage, cache, inbound, binder, resumption);
    if (cluster) {
      // Before the first client: who is where has to be known.
      await cluster.start({
        registry,
        given: (full, stanza, receipt, origin) => delivery.take(full, stanza, receipt, origin),
        lost: (stanza, why) =>
          delivery.lost(stanza, why === "full" ? "resource-constraint" : "recipient-unavailable"),
        stored: (bare, origin, asked) => drains.stored(bare, origin, asked),
        look: () => drains.look(),
        gone: (node) => drains.gone(node),
        left: (resource) => void this.#left(resource),
        inherit: (_node, slot) => new ReferenceLog(storage.archive, slot, storageLog).written(),
        told: (topic, news) => parts.news.told(topic, news),
        forget: (jid) => cache.forgetHere(jid),
        answer: (iq) => void requests.settle(iq),
        fenced: () => this.#onFenced(),
      });
    }
    this.#openWeb(http, hosts, tls);
    await this.#listen(hosts, tls, http);
    if (this.sources) return;
    const control = new ControlServer(
      controlPath(config.data),
      (request) => this.control(request),
      log.child({ area: "control" }),
    );
    await control.start();
    this.#undo.push(() => control.stop());
  }

  /** What a `sluice` command asks for. @throws AdminError */
  control(request: ControlRequest): Promise<unknown> {
    const { cluster } = this;
    const areas = [accountCommands(this.accounts), clusterCommands(cluster), deadLetterCommands(cluster)];
    return handleControl([...areas, drainCommands(this)], request);
  }

  /** A node died, and this one has taken over: its sessions are gone, which nobody else will tell. */
  async #left(resource: Resource): Promise<void> {
    try {
      await this.domains.get(resource.jid.domain)?.hooks.fire("session:lost", { resource });
    } catch (error) {
      this.log.error({ err: error }, "the end of a dead node's session could not be told to everybody");
    }
  }

  /** The other nodes have taken this one for dead, and over what it had: it is to be stopped, and started anew. */
  readonly fenced: Promise<void>;
  #onFenced!: () => void;

  /** Its sessions have been handed over: it is to be stopped. */
  readonly drained: Promise<void>;
  #onDrained!: () => void;

  /** WebSocket and BOSH. */
  #openWeb(http: HttpServer, hosts: StreamHosts, tls: TlsSettings): void {
    const { stream, http: web } = this.config;
    const log = this.log.child({ area: "c2s" });
    const limits = hosts.fallback.unauthenticatedLimits;
    const { sendBuffer, closeTimeout } = stream;
    const accept = (connection: Acceptable) => this.#accept(connection, hosts, log);
    const { pingInterval } = web.websocket;
    const maxPerAddress = stream.maxConnectionsPerAddress;
    const websocket = new WebSocketEndpoint(
      http,
      { limits, sendBuffer, closeTimeout, tls, pingInterval, maxPerAddress },
      accept,
    );
    const bosh = new BoshEndpoint(
      http,
      {
        ...web.bosh,
        limits,
        sendBuffer,
        closeTimeout,
        maxSessionsPerAddress: maxPerAddress,
        serves: (domain) => hosts.find(Jid.tryParse(domain)?.text ?? "") !== undefined,
      },
      accept,
    );
    for (const endpoint of [websocket, bosh]) {
      this.#closeEntrances.push(() => endpoint.close());
      this.#undo.push(() => endpoint.stop());
    }
  }

  /** Where clients find what this server offers over HTTPS. */
  #webAddress(domain: string): string | undefined {
    if (this.config.http.url !== undefined) return this.config.http.url;
    const https = this.listening.find(({ type }) => type === "https");
    return https && new URL(`https://${domainToASCII(domain)}:${https.port}`).origin;
  }

  /** RFC 6761 §6.3: the name `localhost` never leaves the machine, so neither does what is sent there. */
  #localWebAddress(domain: string): string | undefined {
    if (domain !== "localhost" || this.config.http.url !== undefined) return undefined;
    const http = this.listening.find(({ type, host }) => type === "http" && isLoopback(host));
    return http && `http://localhost:${http.port}`;
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
    const log = this.log.child({ area: "c2s" });
    for (const [index, { type, host, port }] of config.listen.entries()) {
      const isWeb = type === "http" || type === "https";
      const accept = (socket: Socket) => {
        if (isWeb) http.accept(socket, type === "https");
        else this.#accept(new TcpConnection(socket, options, type === "c2s-tls"), hosts, log);
      };
      const { maxConnections, maxConnectionsPerAddress } = config.stream;
      const exempt = isWeb ? (address: string) => http.peers.isTrusted(address) : undefined;
      const bounds = { maxConnections, maxConnectionsPerAddress, exempt };
      const source = this.sources?.[index];
      const listener = new Listener({ type, host, port, ...bounds, source }, accept);
      this.listening.push({ type, host, port: await listener.start() });
      this.#closeEntrances.push(() => listener.stop());
    }
  }

  #accept(connection: Acceptable, hosts: StreamHosts, log: Logger): void {
    const stream = new ClientStream(connection, hosts, clientFeatures, log, (ended) => {
      this.#streams.delete(ended);
      if (this.#streams.size === 0) this.#allEnded?.();
    });
    connection.handler = stream;
    this.#streams.add(stream);
  }

  async #stop(): Promise<void> {
    for (const close of this.#closeEntrances.splice(0)) close();
    const ended = new Promise<void>((resolve) => {
      this.#allEnded = resolve;
    });
    for (const stream of this.#streams) stream.close(new StreamError("system-shutdown"));
    if (this.#streams.size > 0) await atMost(ended, this.config.shutdown.timeout);
    for (const stream of this.#streams) stream.connection.destroy();
    // What they did not take goes back to the store, which is closed below.
    if (this.#streams.size > 0) await atMost(ended, GIVING_BACK);
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        this.log.error({ err: error }, "a part could not be stopped cleanly");
        process.exitCode = 1;
      }
    }
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

async function streamHosts(
  config: Config,
  domains: ReadonlyMap<string, Domain>,
  storage: Storage,
  cache: AccountCache,
  inbound: Inbound,
  binder: Binder,
  resumption: Resumption | undefined,
): Promise<StreamHosts> {
  const { auth, session, stream, tls } = config;
  const caps = { maxDepth: stream.maxDepth, maxAttributes: stream.maxAttributes };
  const shared = {
    tlsRequired: tls.required,
    plainWithoutTls: auth.plainWithoutTls,
    mechanisms: auth.mechanisms,
    attemptsPerConnection: auth.attemptsPerConnection,
    unauthenticatedTimeout: stream.unauthenticatedTimeout,
    idleTimeout: stream.idleTimeout,
    unauthenticatedLimits: { ...caps, maxBytes: stream.maxUnauthenticatedStanzaSize },
    limits: { ...caps, maxBytes: stream.maxStanzaSize },
    secret: await deploymentSecret(storage),
    iterations: auth.iterations,
    loginLimiter: new LoginLimiter(auth.attemptsPerAddress.count, auth.attemptsPerAddress.window),
    managed: {
      maxUnacked: session.maxUnacked,
      maxUnackedSize: session.maxUnackedSize,
      answerTimeout: session.answerTimeout,
    },
    resumeTimeout: session.resumeTimeout,
    inbound,
    binder,
    resumption,
    credentials: (jid: Jid) => storage.accounts.credentials(jid),
    account: async (jid: Jid) => cache.find(jid),
  };
  const settings = new Map<string, StreamSettings>();
  for (const [name, domain] of domains) {
    settings.set(name, { ...shared, domain, anonymous: config.domains[name].anonymous ?? auth.anonymous });
  }
  const [fallback] = settings.values();
  return { find: (name) => settings.get(name), fallback };
}

/** The same on all nodes, so that a user who does not exist has the same made-up salt everywhere. */
async function deploymentSecret(storage: Storage): Promise<Buffer> {
  const stored = await storage.keyValues.get(undefined, "server", "secret");
  if (typeof stored === "string") return Buffer.from(stored, "base64");
  const secret = randomBytes(32);
  await storage.keyValues.set(undefined, "server", "secret", secret.toString("base64"));
  return secret;
}

/** 16 bytes for one purpose. */
function keyFor(purpose: string, secret: Buffer): Buffer {
  return createHmac("sha256", secret).update(purpose).digest().subarray(0, 16);
}

/** Fresh at each start; the host's name is for those who read logs. */
function newNodeId(): string {
  const host = hostname()
    .replace(/[^a-z0-9-]/gi, "")
    .slice(0, 40);
  return `${host || "node"}-${randomBytes(4).toString("hex")}`;
}

async function slotOf(storage: Storage, self: string): Promise<number> {
  const rows = await storage.nodes.join(self);
  return (rows.find(({ id }) => id === self) as NodeRow).slot;
}

async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
