/** The composition root: builds the parts in order, stops them in reverse. */
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
import { newNodeId, slotOf } from "./cluster/identity.js";
import { LINK_DEFAULTS } from "./cluster/link.js";
import { Resumption } from "./cluster/resumption.js";
import type { LoadedConfig } from "./config/loader.js";
import { validatePlugins } from "./config/plugin-options.js";
import type { Config } from "./config/schema.js";
import { Entrances, type Listening } from "./entrances.js";
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
import { deploymentSecret, keyFor } from "./storage/deployment-secret.js";
import { IterationCounts } from "./storage/iteration-counts.js";
import { followStored, MessageIds } from "./storage/message-id.js";
import { MessageLog } from "./storage/message-log.js";
import { openConfiguredStorage } from "./storage/open.js";
import { ReferenceLog } from "./storage/reference-log.js";
import { streamHosts } from "./stream/hosts.js";
import { type Certificates, loadCertificates } from "./transport/certificates.js";
import { HttpServer } from "./transport/http.js";
import type { SocketSource } from "./transport/listener.js";
import { TlsSettings } from "./transport/tls.js";
import { Jid } from "./xmpp/jid.js";

/** ms for other nodes to write what a query of the archive should find. */
const OTHERS_COMPLETE = 2000;

/** One node. */
export class Server {
  readonly #entrances: Entrances;
  readonly #undo: (() => unknown)[] = [];
  #stopping: Promise<void> | undefined;
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
    this.#entrances = new Entrances(config, sources, log.child({ area: "c2s" }));
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
    for (;;) {
      const server = new Server(loaded.config, log, sources);
      try {
        await server.#start(loaded, adapter);
        return server;
      } catch (error) {
        await server.stop();
        // A given adapter is started once.
        if (!server.#isFenced || adapter) throw error;
        log.warn({ err: error }, "joining the other nodes once more");
      }
    }
  }

  get listening(): readonly Listening[] {
    return this.#entrances.listening;
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
      this.#entrances.close();
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
    await followStored(storage.messages, ids, storageLog);
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
    const [{ streams }, { address }] = [this.#entrances, config.cluster];
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
    const secret = await deploymentSecret(storage);
    const archiveIds = new ArchiveIds(keyFor("archive ids", secret));
    const archiving = new Archiving(domains, registry, cache, archiveIds);
    const offlineLog = log.child({ area: "offline" });
    const requests = new Requests(undefined, self, (iq) => registry.nodes.answered(iq));
    this.#undo.push(() => requests.stop());
    const drains = new Drains(registry, storage.messages, messageLog, offlineLog, archiving, requests);
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
    const delivery = new Delivery(registry, cache, messageLog, drains, offline, requests, archiving);
    const router = new Router(domains, delivery, noRemoteDomains, cache, requests, archiving);
    const inbound = new Inbound(domains, router, new Sent(domains, registry, archiving));

    const tls = new TlsSettings(this.#certificates, {
      minVersion: config.tls.minVersion,
      bindings: config.auth.channelBindings,
      clientCertificates: config.tls.clientCertificates,
    });
    const ownOrigins = () => [...domains.keys()].flatMap((domain) => this.#entrances.webAddresses(domain));
    const http = new HttpServer({ ...config.http, ownOrigins }, tls, log.child({ area: "http" }));
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
      webAddress: (domain) => this.#entrances.webAddress(domain),
      localWebAddress: (domain) => this.#entrances.localWebAddress(domain),
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
    const iterationCounts = new IterationCounts(storage.accounts);
    const hosts = streamHosts(config, domains, {
      secret,
      inbound,
      binder,
      resumption,
      credentials: (jid) => storage.accounts.credentials(jid),
      renewCredentials: (jid, before, after) => storage.accounts.replaceCredentials(jid, before, after),
      iterationCounts: (domain) => iterationCounts.of(domain),
      account: async (jid) => cache.find(jid),
    });
    if (cluster) {
      // Before the first client: who is where has to be known.
      await cluster.start({
        registry,
        given: (resource, stanza, receipt, origin) => delivery.take(resource, stanza, receipt, origin),
        lost: (stanza, why) =>
          delivery.lost(stanza, why === "full" ? "resource-constraint" : "recipient-unavailable"),
        stored: (bare, origin, asked) => drains.stored(bare, origin, asked),
        look: () => drains.look(),
        gone: (node) => drains.gone(node),
        missed: (node) => {
          drains.gone(node);
          drains.look();
          cache.forgetAll();
        },
        left: (resource) => this.#left(resource),
        inherit: (_node, slot) => new ReferenceLog(storage.archive, slot, storageLog).written(),
        told: (topic, news) => parts.news.told(topic, news),
        newcomersHear: () => parts.news.forNewcomers(),
        forget: (jid) => cache.forgetHere(jid),
        answer: (iq) => void requests.settle(iq),
        fenced: () => {
          this.#isFenced = true;
          this.#onFenced();
        },
      });
    }
    this.#undo.push(() => this.#entrances.release());
    await this.#entrances.open(hosts, tls, http);
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
  #isFenced = false;

  /** Its sessions have been handed over: it is to be stopped. */
  readonly drained: Promise<void>;
  #onDrained!: () => void;

  async #stop(): Promise<void> {
    await this.#entrances.stop();
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
