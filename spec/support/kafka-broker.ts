/**
 * A Kafka broker of our own (KRaft, one node), in a temporary folder and on private ports of this machine. It is started when
 * a spec first asks for it and stopped at the end of the run. Where KAFKA_BROKERS is set, the broker there is used instead.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeSelfSigned } from "../../src/transport/self-signed.js";
import { Authority, type Identity } from "./authority.js";

const run = promisify(execFile);

/** What scripts/kafka-setup.sh has fetched. */
const LIBS = join(process.cwd(), ".cache/kafka");
const LOGIN = "org.apache.kafka.common.security";
const READY_MS = 60_000;

/** Who may log in where the broker asks for it. */
export const KAFKA_USER = "sluice";
export const KAFKA_PASSWORD = "Mercutio-1597";

const JAVA = ["-Xmx512m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
const LOG = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"];

/** Messages that were sent together. */
export interface Batch {
  /** Bytes. */
  size: number;
  compression: (typeof CODECS)[number];
}

const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

export class KafkaBroker {
  /** The last that it said, for the message of a failure. */
  #said = "";
  #process: ChildProcess | undefined;

  private constructor(
    private readonly folder: string,
    /** Where it listens, as `host:port`. */
    readonly address: string,
    /** Where it listens for those who come through a proxy. */
    readonly behindProxy: { address: string; proxyPort: number },
    /** Where it listens for those who speak TLS and log in. */
    readonly secure: { address: string; certPem: string },
    /** Where it listens for those who speak TLS and show a certificate of its authority. */
    readonly mutual: { address: string; certPem: string },
    private readonly authority: Authority,
  ) {}

  /** A certificate that it takes. */
  issue(): Identity {
    return this.authority.issue();
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** What its disk has of a topic: the batches, as they are kept. */
  async kept(topic: string): Promise<Batch[]> {
    const log = await readFile(join(this.folder, "data", `${topic}-0`, "00000000000000000000.log"));
    const batches: Batch[] = [];
    // https://kafka.apache.org/documentation/#recordbatch
    for (let at = 0; at < log.length; at += batches[batches.length - 1].size) {
      const compression = log.readInt16BE(at + 21) & 0b111;
      batches.push({ size: 12 + log.readInt32BE(at + 8), compression: CODECS[compression] });
    }
    return batches;
  }

  static async start(): Promise<KafkaBroker> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-kafka-"));
    const [port, behind, proxyPort, secure, mutual, controller] = await freePorts(6);
    const { certPem, keyPem } = makeSelfSigned("127.0.0.1");
    await writeFile(join(folder, "server.pem"), keyPem + certPem);
    const authority = new Authority("Those who may come to the broker");
    await writeFile(join(folder, "authority.pem"), authority.certificate);
    const properties = {
      "process.roles": "broker,controller",
      "node.id": 1,
      "controller.quorum.voters": `1@127.0.0.1:${controller}`,
      "controller.listener.names": "CONTROLLER",
      listeners: [
        `DIRECT://127.0.0.1:${port}`,
        `PROXIED://127.0.0.1:${behind}`,
        `SECURE://127.0.0.1:${secure}`,
        `MUTUAL://127.0.0.1:${mutual}`,
        `CONTROLLER://127.0.0.1:${controller}`,
      ],
      // Who came through the proxy is sent back there.
      "advertised.listeners": [
        `DIRECT://127.0.0.1:${port}`,
        `PROXIED://127.0.0.1:${proxyPort}`,
        `SECURE://127.0.0.1:${secure}`,
        `MUTUAL://127.0.0.1:${mutual}`,
      ],
      "listener.security.protocol.map": [
        "DIRECT:PLAINTEXT",
        "PROXIED:PLAINTEXT",
        "CONTROLLER:PLAINTEXT",
        "SECURE:SASL_SSL",
        "MUTUAL:SSL",
      ],
      "listener.name.mutual.ssl.keystore.type": "PEM",
      "listener.name.mutual.ssl.keystore.location": join(folder, "server.pem"),
      "listener.name.mutual.ssl.truststore.type": "PEM",
      "listener.name.mutual.ssl.truststore.location": join(folder, "authority.pem"),
      "listener.name.mutual.ssl.client.auth": "required",
      "listener.name.secure.ssl.keystore.type": "PEM",
      "listener.name.secure.ssl.keystore.location": join(folder, "server.pem"),
      "listener.name.secure.sasl.enabled.mechanisms": ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"],
      "listener.name.secure.plain.sasl.jaas.config": `${LOGIN}.plain.PlainLoginModule required user_${KAFKA_USER}="${KAFKA_PASSWORD}";`,
      "listener.name.secure.scram-sha-256.sasl.jaas.config": `${LOGIN}.scram.ScramLoginModule required;`,
      "listener.name.secure.scram-sha-512.sasl.jaas.config": `${LOGIN}.scram.ScramLoginModule required;`,
      "inter.broker.listener.name": "DIRECT",
      "log.dirs": join(folder, "data"),
      // One that comes back after a kill is let in as soon as the controller has missed its predecessor.
      "broker.session.timeout.ms": 1500,
      "broker.heartbeat.interval.ms": 300,
      "auto.create.topics.enable": false,
      "offsets.topic.num.partitions": 1,
      "offsets.topic.replication.factor": 1,
      "transaction.state.log.num.partitions": 1,
      "transaction.state.log.replication.factor": 1,
      "transaction.state.log.min.isr": 1,
      "group.initial.rebalance.delay.ms": 0,
      "file.delete.delay.ms": 1000,
      "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
      "num.io.threads": 4,
      "num.network.threads": 2,
      "num.recovery.threads.per.data.dir": 1,
    };
    const lines = Object.entries(properties).map(([name, value]) => `${name}=${[value].flat().join(",")}\n`);
    await writeFile(join(folder, "server.properties"), lines.join(""));
    const config = join(folder, "server.properties");
    // Its first character must not be a dash: the program would take it for an option.
    const cluster = Buffer.from(`40${randomUUID().replaceAll("-", "").slice(2)}`, "hex").toString(
      "base64url",
    );
    const users = ["256", "512"].flatMap((bits) => [
      "--add-scram",
      `SCRAM-SHA-${bits}=[name=${KAFKA_USER},password=${KAFKA_PASSWORD}]`,
    ]);
    const format = ["format", "-t", cluster, "-c", config, ...users];
    await run("java", [...JAVA, ...LOG, "-cp", `${LIBS}/*`, "kafka.tools.StorageTool", ...format]);
    const behindProxy = { address: `127.0.0.1:${behind}`, proxyPort };
    const broker = new KafkaBroker(
      folder,
      `127.0.0.1:${port}`,
      behindProxy,
      { address: `127.0.0.1:${secure}`, certPem },
      { address: `127.0.0.1:${mutual}`, certPem },
      authority,
    );
    // Whatever ends the run, the broker does not stay behind.
    process.once("exit", () => broker.#process?.kill("SIGKILL"));
    await broker.restart();
    return broker;
  }

  /** Starts it again after `kill`, with what it had. Resolves when it takes connections. */
  async restart(): Promise<void> {
    if (this.#process) return;
    const args = [...JAVA, ...LOG, "-cp", `${LIBS}/*`, "kafka.Kafka", join(this.folder, "server.properties")];
    const child = spawn("java", args, { cwd: this.folder, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    const hear = (text: Buffer) => {
      this.#said = (this.#said + text).slice(-4000);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", () => {
      if (this.#process === child) this.#process = undefined;
    });
    const deadline = Date.now() + READY_MS;
    while (!(await accepts(this.address))) {
      if (!this.#process || Date.now() > deadline) {
        await this.kill();
        throw new Error(`Kafka does not start:\n${this.#said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Ends it at once, as `kill -9` does. What it had is still in its folder. */
  async kill(): Promise<void> {
    const child = this.#process;
    if (!child) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Ends it and removes what it had. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function accepts(address: string): Promise<boolean> {
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).then((open) => {
    socket.destroy();
    return open === true;
  });
}

let shared: Promise<KafkaBroker> | undefined;

/** The broker of this run, made when it is first asked for; undefined where KAFKA_BROKERS names another. */
export function sharedKafka(): Promise<KafkaBroker> | undefined {
  if (process.env.KAFKA_BROKERS) return undefined;
  shared ??= KafkaBroker.start();
  return shared;
}

/**
 * Addresses of brokers for a `before` hook. Where none can be had the spec is skipped, loudly; with CI=true it fails
 * instead, as nothing may go untested there.
 */
export async function kafkaBrokers(context: Mocha.Context): Promise<string[]> {
  context.timeout(2 * READY_MS);
  const { KAFKA_BROKERS, CI } = process.env;
  if (KAFKA_BROKERS) return KAFKA_BROKERS.split(",");
  const reason = await whyNot();
  if (reason) {
    if (CI === "true") throw new Error(reason);
    process.stderr.write(`\n*** SKIPPED: ${reason}\n\n`);
    context.skip();
  }
  return [((await sharedKafka()) as KafkaBroker).address];
}

async function whyNot(): Promise<string | undefined> {
  const how = "(scripts/kafka-setup.sh adds it)";
  if (!existsSync(join(LIBS, ".complete"))) return `there is no Kafka broker ${how}`;
  return run("java", ["-version"]).then(
    () => undefined,
    () => `there is no Java for the Kafka broker ${how}`,
  );
}

// Outside of any describe: at the end of the whole run.
after("stops the Kafka broker", async function () {
  this.timeout(READY_MS);
  await (await shared)?.stop();
});
