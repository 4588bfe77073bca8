import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { built, nodeArguments, output } from "./command.js";
import type { Peer, Running, StartOptions, User } from "./peer.js";
import { ServerProcess } from "./server-process.js";
import { inTemporaryFolder } from "./temporary-folder.js";

const program = join(built, "../src/main.js");
const SERVICES = "start them with: node dist/bench/services.js, and set what it prints";

/** What a cluster of two needs beside Node. */
interface Kind {
  name: string;
  /** Nodes: clients go to them in turn, and each writes to one on the other node, or on its own. */
  nodes: 1 | 2;
  pairsTogether?: boolean;
  adapter: string;
  /** Of the adapter; undefined where its broker is not there. */
  options(folder: string): object | undefined;
}

const { BENCH_DATABASE_URL: database, AMQP_URL: amqp, KAFKA_BROKERS: kafka } = process.env;
const prefix = () => `bench-${randomBytes(4).toString("hex")}`;

const KINDS: readonly Kind[] = [
  // What the others are compared with: both clients on one node, on the same database.
  { name: "sluice-pg", nodes: 1, adapter: "memory", options: () => ({}) },
  // The same two processes on one core as with the next, and no message between them.
  {
    name: "sluice-ipc-near",
    nodes: 2,
    pairsTogether: true,
    adapter: "ipc",
    options: (folder) => ({ folder: join(folder, "ipc") }),
  },
  { name: "sluice-ipc", nodes: 2, adapter: "ipc", options: (folder) => ({ folder: join(folder, "ipc") }) },
  {
    name: "sluice-rabbitmq",
    nodes: 2,
    adapter: "rabbitmq",
    options: () => (amqp === undefined ? undefined : { url: amqp, prefix: prefix() }),
  },
  {
    name: "sluice-kafka",
    nodes: 2,
    adapter: "kafka",
    options: () => (kafka === undefined ? undefined : { brokers: kafka.split(","), prefix: prefix() }),
  },
];

export const sluiceClusters: readonly Peer[] = KINDS.map((kind) => ({
  name: kind.name,
  protocol: "xmpp",
  node: true,
  archives: false,
  install: SERVICES,
  available: async () =>
    database === undefined || kind.options("") === undefined
      ? undefined
      : `Sluice on Node ${process.versions.node}, ${kind.nodes} on PostgreSQL, ${kind.adapter}`,
  start: (users, options) => inTemporaryFolder((folder) => start(kind, folder, users, options)),
}));

async function start(
  kind: Kind,
  folder: string,
  users: readonly User[],
  options: StartOptions,
): Promise<Running> {
  const adapter = kind.options(folder) as object;
  const servers: ServerProcess[] = [];
  const ports: number[] = [];
  for (let node = 0; node < kind.nodes; node++) {
    const config = join(folder, `node-${node}.yaml`);
    await writeFile(config, JSON.stringify(settings(join(folder, `data-${node}`), kind.adapter, adapter)));
    if (node === 0) await importUsers(folder, config, users);
    const server = new ServerProcess({
      command: [process.execPath, ...nodeArguments(options), program, "start", "--config", config],
      cwd: folder,
      spread: options.spread,
    });
    ports.push(await server.portSaid(/c2s listening on 127\.0\.0\.1:(\d+)/));
    servers.push(server);
  }
  return {
    port: ports[0],
    ...(ports.length > 1 && { secondPort: ports[1] }),
    ...(kind.pairsTogether && { pairsTogether: true }),
    pids: () => servers.map(({ pid }) => pid),
    stop: async () => {
      for (const server of servers) await server.stop();
    },
  };
}

function settings(data: string, adapter: string, options: object): object {
  return {
    domains: { localhost: {} },
    data,
    listen: [{ type: "c2s", host: "127.0.0.1", port: 0 }],
    tls: { required: false },
    auth: { plainWithoutTls: true, iterations: 4096 },
    plugins: { mam: false },
    storage: { client: "postgres", url: database },
    cluster: { adapter, options },
  };
}

/** The accounts of an earlier run may be there still. */
async function importUsers(folder: string, config: string, users: readonly User[]): Promise<void> {
  const file = join(folder, "users.tsv");
  await writeFile(file, users.map(({ name, password }) => `${name}@localhost\t${password}\n`).join(""));
  await output(process.execPath, program, "user", "import", file, "--config", config).catch(
    (error: Error) => {
      if (!/already|exists/.test(error.message)) throw error;
    },
  );
}
