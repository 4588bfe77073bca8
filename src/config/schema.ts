/**
 * Every option of the server: its type, its default and one sentence. `conf/sluice.yaml` shows the same, and a spec
 * compares the two.
 */
import { isAbsolute, resolve } from "node:path";
import * as z from "zod";
import {
  always,
  beatsOftenEnough,
  certificateWithKey,
  clusterShares,
  eachPortOnce,
  poolHasRoom,
  urlFitsClient,
} from "./checks.js";
import {
  count,
  domainName,
  duration,
  hostPort,
  listOf,
  mapOf,
  network,
  oneOf,
  path,
  scalar,
  section,
  size,
  text,
  webAddress,
  workerCount,
} from "./values.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const DAY = 24 * 60 * MINUTE;

/** What the server can listen for, with the port that is used when none is given. A new kind of listener is a new line. */
export const LISTENER_PORTS = { c2s: 5222, "c2s-tls": 5223, http: 5280, https: 5281 } as const;
export type ListenerType = keyof typeof LISTENER_PORTS;

export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"] as const;

/** The mechanisms by name, strongest first: the order in which they are offered. RFC 6120 §13.8 asks for SCRAM and EXTERNAL. */
export const MECHANISMS = [
  "SCRAM-SHA-512-PLUS",
  "SCRAM-SHA-512",
  "SCRAM-SHA-256-PLUS",
  "SCRAM-SHA-256",
  "SCRAM-SHA-1-PLUS",
  "SCRAM-SHA-1",
  "PLAIN",
  "EXTERNAL",
] as const;

const CHANNEL_BINDINGS = ["tls-exporter", "tls-server-end-point"] as const;

const logLevel = () => z.enum(LOG_LEVELS);

/** Options of one plugin, or false. What the options are is checked later, by `validatePlugins`. */
export type PluginSetting = Record<string, unknown> | false;

const pluginSetting = scalar(
  "options ({} for the defaults), or false to switch the plugin off",
  (value): PluginSetting | undefined => {
    if (value === false) return false;
    // `mam: true`, and `mam:` with every line below it commented out.
    if (value === true || value === null) return {};
    return typeof value === "object" && !Array.isArray(value) ? (value as PluginSetting) : undefined;
  },
);

const listener = z
  .strictObject({
    type: z
      .enum(Object.keys(LISTENER_PORTS) as [ListenerType, ...ListenerType[]])
      .describe(
        "What to listen for: c2s (clients, STARTTLS), c2s-tls (clients, TLS from the first byte), http (WebSocket, BOSH and web pages without TLS, for a proxy and for this machine) or https (the same with TLS).",
      ),
    host: text("an address to listen on").prefault("127.0.0.1").describe("The address to listen on."),
    port: count({ max: 65535 })
      .optional()
      .describe("The port, 0 for any free one; by default the usual port of the type."),
  })
  .transform((given) => ({ ...given, port: given.port ?? LISTENER_PORTS[given.type] }));
export type ListenerConfig = z.output<typeof listener>;

const domain = section({
  certificate: path()
    .optional()
    .describe("PEM file with the domain's certificate and those that lead to its authority."),
  key: path().optional().describe("PEM file with the certificate's private key."),
  anonymous: z.boolean().optional().describe("Overrides auth.anonymous for this domain."),
  plugins: mapOf(z.string(), pluginSetting)
    .prefault({})
    .describe("Overrides plugins for this domain, option by option."),
}).superRefine(certificateWithKey, always);
export type DomainConfig = z.output<typeof domain>;

const tls = section({
  required: z
    .boolean()
    .prefault(true)
    .describe(
      "Clients must use TLS before they may log in; on an http port that is so for what a trusted proxy received over TLS, and for what stays on this machine: from the loopback to the loopback, and not forwarded.",
    ),
  minVersion: oneOf("TLSv1.2", "TLSv1.3")
    .prefault("TLSv1.2")
    .describe("The oldest TLS version that is accepted."),
  ciphers: text("an OpenSSL cipher list")
    .optional()
    .describe("The cipher suites that are accepted, as an OpenSSL list; by default those of Node.js."),
  selfSigned: z
    .boolean()
    .prefault(true)
    .describe("Make a self-signed certificate for a domain that has none."),
  clientCertificates: oneOf("off", "request")
    .prefault("off")
    .describe("Ask clients for a certificate, so that they may log in with EXTERNAL."),
  clientCa: path()
    .optional()
    .describe(
      "PEM file with the authorities whose client certificates are accepted; by default those of Node.js.",
    ),
});
export type TlsConfig = z.output<typeof tls>;

const auth = section({
  mechanisms: listOf(z.enum(MECHANISMS), { min: 1 })
    .prefault([...MECHANISMS])
    .describe("The SASL mechanisms to offer, where the connection allows them."),
  plainWithoutTls: z
    .boolean()
    .prefault(false)
    .describe("Offer PLAIN on a connection without TLS, where anybody on the way can read the password."),
  anonymous: z
    .boolean()
    .prefault(false)
    .describe("Let anybody log in without an account, under a name that lasts as long as the session."),
  // RFC 7677 §4: at least 4096. The upper limit keeps a typing mistake from costing seconds per login.
  iterations: count({ min: 4096, max: 1_000_000 })
    .prefault(10_000)
    .describe(
      "The SCRAM iteration count of passwords set from now on, and of others when their users next log in with PLAIN; higher is slower to guess and to log in.",
    ),
  // RFC 6120 §6.4.5 sets the range: at least 2 and no more than 5.
  attemptsPerConnection: count({ min: 2, max: 5 })
    .prefault(5)
    .describe("Failed logins after which a connection is closed."),
  attemptsPerAddress: section({
    count: count({ min: 1 })
      .prefault(30)
      .describe(
        "Failed logins from one network address (IPv6: one /64) within the window, after which it must wait.",
      ),
    window: duration({ min: SECOND, max: DAY })
      .prefault("1m")
      .describe("The window in which failed logins are counted."),
  }).describe("Slows down guessing of passwords."),
  channelBindings: listOf(z.enum(CHANNEL_BINDINGS))
    .prefault([...CHANNEL_BINDINGS])
    .describe("The channel bindings to offer with the -PLUS mechanisms."),
});
export type AuthConfig = z.output<typeof auth>;

// RFC 6120 §13.12: no limit on the size of a stanza may be below 10000 bytes.
const MIN_STANZA = 10_000;
const stream = section({
  maxStanzaSize: size({ min: MIN_STANZA, max: 16 * 1024 ** 2 })
    .prefault("256 KiB")
    .describe("The largest stanza a client may send."),
  maxUnauthenticatedStanzaSize: size({ min: MIN_STANZA, max: 1024 ** 2 })
    .prefault("10 KiB")
    .describe("The largest element a client may send before it has logged in."),
  maxDepth: count({ min: 8, max: 1000 })
    .prefault(64)
    .describe("How deep the elements of a stanza may be nested."),
  maxAttributes: count({ min: 8, max: 1000 })
    .prefault(64)
    .describe("How many attributes one element may have."),
  unauthenticatedTimeout: duration({ min: SECOND, max: 10 * MINUTE })
    .prefault("60s")
    .describe("A connection that has not logged in by then is closed."),
  // RFC 6120 §4.6.4: silence alone is no failure, so a quiet client is not cut; keepAlive finds the dead ones.
  idleTimeout: duration({ max: 30 * DAY })
    .prefault(0)
    .describe("A connection from which nothing came for so long is closed; 0 for never."),
  keepAlive: duration({ max: DAY })
    .prefault("5m")
    .describe(
      "After so long a silence the operating system checks that the other side still exists, without waking the client; 0 for never.",
    ),
  closeTimeout: duration({ min: 100, max: MINUTE })
    .prefault("5s")
    .describe("How long to wait for the other side's closing tag before the connection is cut."),
  sendBuffer: size({ min: 64 * 1024, max: 1024 ** 3 })
    .prefault("1 MiB")
    .describe("Bytes that may wait for a client that reads too slowly; beyond them it is disconnected."),
  maxConnections: count()
    .prefault(0)
    .describe("Connections at the same time; 0 for as many as the operating system allows."),
  maxConnectionsPerAddress: count()
    .prefault(0)
    .describe(
      "Connections at the same time from one network address (IPv6: one /64); 0 for no limit, as many people may share an address.",
    ),
});
export type StreamConfig = z.output<typeof stream>;

const http = section({
  url: scalar("an https address without a path, such as https://chat.example.org", webAddress)
    .optional()
    .describe(
      "The address at which clients find this server's WebSocket, BOSH and web pages, where a proxy stands in front of them; by default the domain with the port of the first https listener.",
    ),
  trustedProxies: listOf(scalar("an IP address, or a network such as 10.0.0.0/8", network))
    .prefault([])
    .describe(
      "Proxies, by address or network, that are believed when they tell whom they speak for (X-Forwarded-For, X-Forwarded-Proto).",
    ),
  origins: listOf(text("a web origin such as https://chat.example.org, or *"))
    .prefault(["*"])
    .describe(
      "The web sites whose pages may use WebSocket, BOSH and uploads here, such as https://chat.example.org, besides this server's own pages; * for all.",
    ),
  requestTimeout: duration({ min: SECOND, max: 10 * MINUTE })
    .prefault("30s")
    .describe("How long a request may take to arrive."),
  keepAliveTimeout: duration({ min: SECOND, max: 10 * MINUTE })
    .prefault("75s")
    .describe(
      "How long a connection is kept open for the next request, or while its client takes nothing of an answer.",
    ),
  websocket: section({
    pingInterval: duration({ min: SECOND, max: 60 * MINUTE })
      .prefault("50s")
      .describe(
        "After so long a silence a WebSocket is asked whether its client is still there; it is cut when as long again nothing came.",
      ),
  }).describe("WebSocket, at /ws (RFC 7395)."),
  bosh: section({
    maxBodySize: size({ min: MIN_STANZA, max: 64 * 1024 ** 2 })
      .prefault("1 MiB")
      .describe("The largest body of one request, whatever is in it."),
    maxSessions: count({ min: 1, max: 1_000_000 })
      .prefault(20_000)
      .describe("BOSH sessions at the same time."),
    maxSessionsPerAddress: count()
      .prefault(500)
      .describe(
        "BOSH sessions at the same time from one network address; 0 for no limit but stream.maxConnectionsPerAddress, which holds for them as well.",
      ),
    wait: duration({ min: SECOND, max: 10 * MINUTE })
      .prefault("60s")
      .describe("How long a request is held at most when there is nothing to answer."),
    hold: count({ min: 1, max: 5 }).prefault(1).describe("Requests of one session held at most."),
    inactivity: duration({ min: SECOND, max: 60 * MINUTE })
      .prefault("60s")
      .describe("A session without a request for so long is over."),
    polling: duration({ max: MINUTE })
      .prefault("2s")
      .describe("Empty requests of one session must be so far apart; 0 for no matter."),
    pause: duration({ min: SECOND, max: 60 * MINUTE })
      .prefault("2m")
      .describe("How long a client may announce to be away, as while a page changes."),
  }).describe("BOSH, at /http-bind (XEP-0124, XEP-0206)."),
});
export type HttpConfig = z.output<typeof http>;

const session = section({
  resourcesPerAccount: count({ min: 1, max: 1000 })
    .prefault(20)
    .describe("Clients of one account that may be online at the same time."),
  // RFC 6120 §7.7.2.2
  conflict: oneOf("replace", "refuse-new")
    .prefault("replace")
    .describe(
      "A client asks for a resource that is online already: replace ends the older session, refuse-new refuses the newer.",
    ),
  // XEP-0198
  resumeTimeout: duration({ max: DAY })
    .prefault("5m")
    .describe(
      "How long a session outlives its connection, for the client to come back and resume it; 0 for not at all.",
    ),
  maxUnacked: count({ min: 10, max: 100_000 })
    .prefault(500)
    .describe(
      "Stanzas that a session may be sent without acknowledging them; further messages wait in the store.",
    ),
  maxUnackedSize: size({ min: 64 * 1024, max: 1024 ** 3 })
    .prefault("4 MiB")
    .describe("The size of them, likewise."),
  answerTimeout: duration({ min: SECOND, max: 10 * MINUTE })
    .prefault("60s")
    .describe("How long a client may take to acknowledge when asked; then its connection counts as dead."),
});
export type SessionConfig = z.output<typeof session>;

const roster = section({
  maxContacts: count({ min: 1, max: 100_000 }).prefault(1000).describe("Contacts in one account's roster."),
  maxGroups: count({ min: 1, max: 1000 }).prefault(32).describe("Groups that one contact may be in."),
  maxNameLength: count({ min: 16, max: 1023 })
    .prefault(255)
    .describe("Characters in the name of a contact or group."),
  maxRequests: count({ min: 1, max: 10_000 })
    .prefault(250)
    .describe("Unanswered subscription requests of strangers that are kept for one account."),
  maxRequestSize: size({ min: 256, max: 1024 ** 2 })
    .prefault("16 KiB")
    .describe("The size up to which a subscription request is kept with all that it says."),
});
export type RosterConfig = z.output<typeof roster>;

const presence = section({
  maxDirected: count({ min: 1, max: 100_000 })
    .prefault(1000)
    .describe("Addresses that one session may send its presence to directly, rooms among them."),
});
export type PresenceConfig = z.output<typeof presence>;

const offline = section({
  maxMessages: count({ max: 100_000 })
    .prefault(1000)
    .describe("Messages kept for an account that is offline; the sender of one more is told so."),
});
export type OfflineConfig = z.output<typeof offline>;

const storage = section({
  client: oneOf("sqlite", "postgres", "mysql")
    .prefault("sqlite")
    .describe("The database: sqlite on one machine, postgres or mysql shared by a cluster."),
  sqlite: section({
    file: text("a file name")
      .prefault("sluice.sqlite")
      .describe("The database file, within the data folder."),
  }).describe("Where SQLite keeps its file."),
  url: scalar("a database address such as postgres://user:password@host/database", (value) =>
    typeof value === "string" && URL.canParse(value) ? value : undefined,
  )
    .optional()
    .describe("The address of a postgres or mysql database."),
  pool: section({
    min: count({ max: 1000 }).prefault(0).describe("Connections to keep open."),
    max: count({ min: 1, max: 1000 }).prefault(10).describe("Connections to open at most."),
  })
    .superRefine(poolHasRoom, always)
    .describe("Connections to a postgres or mysql database."),
  durability: oneOf("auto", "relaxed", "commit")
    .prefault("auto")
    .describe(
      "When a message counts as stored: relaxed once the database has it (it survives the death of Sluice), commit once the disk has it (it survives the loss of power, and the death of a PostgreSQL process). auto is relaxed with sqlite and commit with postgres. With mysql its own innodb_flush_log_at_trx_commit decides.",
    ),
}).superRefine(urlFitsClient, always);
export type StorageConfig = z.output<typeof storage>;

const cluster = section({
  adapter: z
    .string()
    .min(1)
    .prefault("memory")
    .describe(
      "What carries messages between nodes: memory is for a server that is alone; ipc, rabbitmq, kafka, or a package.",
    ),
  options: z
    .record(z.string(), z.unknown())
    .prefault({})
    .describe("Options of the adapter, such as url: see docs/cluster.md."),
  workers: scalar("a number of processes from 1 to 256, or auto", workerCount)
    .prefault(1)
    .describe(
      "Processes that share the ports of this server, each a node that uses one core; auto: as many as there are cores.",
    ),
  beat: duration({ min: 50, max: MINUTE })
    .prefault("1s")
    .describe("How often a node shows that it is there, where it says nothing else."),
  deadAfter: duration({ min: 200, max: 10 * MINUTE })
    .prefault("8s")
    .describe("How long a node may be silent before the others take it for dead; some beats at least."),
  address: scalar("a host and a port, such as chat1.example.org:5222 or [2001:db8::1]:5222", hostPort)
    .optional()
    .describe(
      "Where clients reach this node and no other (a c2s port): clients are told to resume there, and another node that hands its sessions over sends them there.",
    ),
}).superRefine(beatsOftenEnough, always);
export type ClusterConfig = z.output<typeof cluster>;

const on = () => pluginSetting.prefault({});
const plugins = z.preprocess(
  (value) => value ?? {},
  z
    .object({
      disco: on().describe("Lets clients ask what this server can do (XEP-0030)."),
      ping: on().describe("Answers pings (XEP-0199)."),
      version: on().describe("Tells the name and version of the server (XEP-0092)."),
      time: on().describe("Tells the time of the server (XEP-0202)."),
      last: on().describe("Tells how long an account has been away and the server running (XEP-0012)."),
      private: on().describe("Keeps private data for clients (XEP-0049)."),
      vcard: on().describe("Keeps the business card of each account (XEP-0054)."),
      "host-meta": on().describe("Tells web clients where to find WebSocket and BOSH (XEP-0156)."),
      mam: on().describe("Keeps an archive of each account's messages (XEP-0313)."),
      carbons: on().describe("Gives all clients of an account copies of its conversations (XEP-0280)."),
      csi: on().describe("Leaves clients in peace that nobody looks at (XEP-0352)."),
      push: on().describe("Has mobile clients woken when messages wait for them (XEP-0357)."),
      upload: on().describe("Takes files that people send each other (XEP-0363)."),
      webchat: on().describe("A client for web browsers, at the address of the http and https listeners."),
      register: pluginSetting
        .prefault(false)
        .describe("Lets people make accounts and change passwords from their client (XEP-0077)."),
    })
    .catchall(pluginSetting)
    // A plugin that is not named above is found under the same kind of key.
    .transform((named): Record<string, PluginSetting> => named),
);

const log = section({
  level: logLevel().prefault("info").describe("What to log: trace, debug, info, warn, error or silent."),
  areas: mapOf(z.string(), logLevel())
    .prefault({})
    .describe("Other levels for some areas, such as c2s or storage."),
  format: oneOf("auto", "json", "pretty")
    .prefault("auto")
    .describe(
      "One JSON object a line, or lines for people; auto means pretty on a terminal and json otherwise.",
    ),
  file: path().optional().describe("The file to append to; by default the log goes to standard output."),
});
export type LogConfig = z.output<typeof log>;

const shutdown = section({
  timeout: duration({ min: 100, max: 10 * MINUTE })
    .prefault("10s")
    .describe("How long streams may take to end when the server stops."),
  drain: duration({ max: 60 * MINUTE })
    .prefault(0)
    .describe(
      "How long a node of a cluster that is told to stop by SIGTERM hands its sessions over to other nodes before; 0 for not at all.",
    ),
});

/** Reads options as written; gives `Config`. Relative paths start at the working directory. */
export const configSchema = section({
  domains: mapOf(domainName(), domain)
    .refine((domains) => Object.keys(domains).length > 0, "expected at least one domain")
    .prefault({ localhost: {} })
    .describe("The domains that are served, each with its own options."),
  data: path()
    .prefault("data")
    .describe("The folder for the database and certificates that Sluice makes itself."),
  listen: z
    .array(listener)
    .min(1)
    .superRefine(eachPortOnce, always)
    .prefault([{ type: "c2s" }, { type: "c2s-tls" }, { type: "http" }, { type: "https" }])
    .describe("Where to listen, and for what."),
  tls: tls.describe("Encryption of connections."),
  auth: auth.describe("Logging in."),
  stream: stream.describe("Limits of one connection."),
  http: http.describe("Everything that speaks HTTP: WebSocket, BOSH, web pages."),
  session: session.describe("Sessions of one account."),
  roster: roster.describe("Limits of contact lists."),
  presence: presence.describe("Limits of presence."),
  offline: offline.describe("Messages for accounts that are offline."),
  storage: storage.describe("Where accounts and messages are kept."),
  cluster: cluster.describe("How nodes find each other."),
  plugins: plugins.prefault({}).describe("Features, each with its options, or false to switch it off."),
  log: log.describe("The log."),
  shutdown: shutdown.describe("Stopping the server."),
}).superRefine(clusterShares, always);

/**
 * The resolved options, every default filled in. All times are milliseconds, all sizes bytes, all paths absolute
 * (but `storage.sqlite.file` is within `data`: see `sqliteFile`).
 */
export type Config = z.output<typeof configSchema>;

/** Which plugins are on or off, for all domains and for each. */
export interface PluginSettings {
  plugins: Record<string, PluginSetting>;
  domains: Record<string, { plugins: Record<string, PluginSetting> }>;
}

/** What a configuration says of plugins that has mistakes elsewhere; settings that are mistakes themselves are left out. */
export function readPluginSettings(written: unknown): PluginSettings {
  const { domains = { localhost: {} }, plugins: shared } = Object(written) as Record<string, unknown>;
  const own = Object.entries(Object(domains) as Record<string, { plugins?: unknown } | null>);
  return {
    plugins: plugins.parse(goodSettings(shared)),
    domains: Object.fromEntries(own.map(([name, one]) => [name, { plugins: goodSettings(one?.plugins) }])),
  };
}

/** What decides about certificates. */
export type CertificateSettings = Pick<Config, "tls"> & {
  domains: Record<string, Pick<DomainConfig, "certificate" | "key">>;
};

/** What a configuration says of certificates that has mistakes elsewhere; options that are mistakes themselves are left out. */
export function readCertificateSettings(written: unknown): CertificateSettings {
  const { domains, tls: given } = Object(written) as Record<string, unknown>;
  const own = Object.entries(Object(domains) as Record<string, Record<string, unknown> | null>);
  const file = (value: unknown) => path().safeParse(value).data;
  return {
    tls: tls.safeParse(given).data ?? tls.parse(undefined),
    domains: Object.fromEntries(
      own.map(([name, one]) => [name, { certificate: file(one?.certificate), key: file(one?.key) }]),
    ),
  };
}

function goodSettings(written: unknown): Record<string, PluginSetting> {
  const settings = Array.isArray(written) ? [] : Object.entries(Object(written) as object);
  return Object.fromEntries(
    settings.flatMap(([name, setting]) => {
      const { success, data } = pluginSetting.safeParse(setting);
      return success ? [[name, data]] : [];
    }),
  );
}

/** The absolute path of the SQLite database. */
export function sqliteFile(config: Pick<Config, "data" | "storage">): string {
  const { file } = config.storage.sqlite;
  return isAbsolute(file) || file === ":memory:" ? file : resolve(config.data, file);
}
