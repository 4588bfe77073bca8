import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ClusterAdapter } from "../../src/cluster/adapter.js";
import { loadConfig } from "../../src/config/loader.js";
import { createLogger } from "../../src/log.js";
import { Server } from "../../src/server.js";
import type { Jid } from "../../src/xmpp/jid.js";

/** What the configuration of a test server may say: the keys of conf/sluice.yaml. */
export type Overrides = Record<string, unknown>;

export interface TestServer {
  readonly server: Server;
  readonly domain: string;
  /** Of the c2s listener, on 127.0.0.1. */
  readonly port: number;
  /** Of the http listener, likewise; 0 when there is none. */
  readonly webPort: number;
  /** Makes the account if it is not there yet. */
  createAccount(jid: Jid, password: string): Promise<void>;
  stop(): Promise<void>;
}

/** Few enough iterations for hundreds of logins in a test run; the schema's lowest. */
const BASE: Overrides = {
  tls: { required: false },
  auth: { plainWithoutTls: true, iterations: 4096 },
  listen: [
    { type: "c2s", port: 0 },
    { type: "http", port: 0 },
  ],
  // A dropped BOSH client is one that does not come back.
  http: { bosh: { inactivity: "1s" } },
  storage: { sqlite: { file: ":memory:" } },
  log: { level: "error", format: "json" },
};

/**
 * A server in this process with a data folder of its own, a free port and PLAIN without TLS.
 * @param overrides laid over that, section by section.
 */
export async function startTestServer(
  overrides: Overrides = {},
  adapter?: ClusterAdapter,
): Promise<TestServer> {
  const data = await mkdtemp(join(tmpdir(), "sluice-spec-"));
  const loaded = loadConfig({ file: "test server", text: stringify(merge({ ...BASE, data }, overrides)) });
  const server = await Server.start(loaded, createLogger(loaded.config.log), adapter);
  const made = new Set<string>();
  return {
    server,
    domain: Object.keys(loaded.config.domains)[0],
    port: server.listening[0].port,
    webPort: server.listening.find(({ type }) => type === "http")?.port ?? 0,
    async createAccount(jid, password) {
      if (made.has(jid.bareText)) return;
      made.add(jid.bareText);
      await server.accounts.add(jid.bareText, password);
    },
    async stop() {
      await server.stop();
      await rm(data, { recursive: true, force: true });
    },
  };
}

function merge(base: Overrides, over: Overrides): Overrides {
  const result: Overrides = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = base[key];
    result[key] = isSection(value) && isSection(below) ? merge(below, value) : value;
  }
  return result;
}

function isSection(value: unknown): value is Overrides {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
