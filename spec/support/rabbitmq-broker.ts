/**
 * A RabbitMQ broker of our own, in a temporary folder and on private ports of this machine. It is started when a spec first
 * asks for it and stopped at the end of the run. Where AMQP_URL is set, the broker there is used instead.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { makeSelfSigned } from "../../src/transport/self-signed.js";
import { Authority, type Identity } from "./authority.js";

const run = promisify(execFile);

/** Debian's programs themselves: those in /usr/sbin become the user of the system's own broker. */
const BIN = "/usr/lib/rabbitmq/bin";
const READY_MS = 60_000;

/** Who may log in. */
export const RABBIT_USER = "sluice";
export const RABBIT_PASSWORD = "Mercutio-1597";

interface Ports {
  amqp: number;
  amqps: number;
  distribution: number;
  epmd: number;
}

export class RabbitBroker {
  /** The last that it said, for the message of a failure. */
  #said = "";
  #process: ChildProcess | undefined;
  #epmd: ChildProcess | undefined;
  readonly #name = `sluice-${randomUUID().slice(0, 8)}@localhost`;

  private constructor(
    private readonly folder: string,
    private readonly ports: Ports,
    /** PEM text of the certificate that it shows to those who speak TLS. */
    readonly certPem: string,
    /** Over TLS it lets nobody in with a certificate of another; without one, anybody. */
    private readonly authority: Authority,
  ) {}

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Of the loopback interface. */
  get port(): number {
    return this.ports.amqp;
  }

  get url(): string {
    return this.urlBehind(this.port);
  }

  /** Where it speaks TLS. */
  get secureUrl(): string {
    return `amqps://${RABBIT_USER}:${RABBIT_PASSWORD}@127.0.0.1:${this.ports.amqps}`;
  }

  /** @param port of a proxy on this machine */
  urlBehind(port: number): string {
    return `amqp://${RABBIT_USER}:${RABBIT_PASSWORD}@127.0.0.1:${port}`;
  }

  /** A certificate that it takes. */
  issue(): Identity {
    return this.authority.issue();
  }

  static async start(): Promise<RabbitBroker> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-rabbitmq-"));
    const [amqp, amqps, distribution, epmd] = await freePorts(4);
    const { certPem, keyPem } = makeSelfSigned("127.0.0.1");
    const authority = new Authority("Those who may come to the broker");
    await writeFile(join(folder, "authority.pem"), authority.certificate);
    await writeFile(join(folder, "cert.pem"), certPem);
    await writeFile(join(folder, "key.pem"), keyPem, { mode: 0o600 });
    await writeFile(join(folder, "plugins"), "[].\n");
    const settings = {
      "listeners.tcp.1": `127.0.0.1:${amqp}`,
      "listeners.ssl.1": `127.0.0.1:${amqps}`,
      "ssl_options.cacertfile": join(folder, "authority.pem"),
      "ssl_options.certfile": join(folder, "cert.pem"),
      "ssl_options.keyfile": join(folder, "key.pem"),
      "ssl_options.verify": "verify_peer",
      "ssl_options.fail_if_no_peer_cert": "false",
      default_user: RABBIT_USER,
      default_pass: RABBIT_PASSWORD,
      // A machine with little left is none of the specs' business.
      "vm_memory_high_watermark.relative": "0.9",
      "disk_free_limit.absolute": "1MB",
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
    await writeFile(join(folder, "rabbitmq.conf"), lines.join(""));
    const broker = new RabbitBroker(folder, { amqp, amqps, distribution, epmd }, certPem, authority);
    // Whatever ends the run, the broker does not stay behind.
    process.once("exit", () => {
      broker.#process?.kill("SIGKILL");
      broker.#epmd?.kill("SIGKILL");
    });
    await broker.restart();
    return broker;
  }

  /** Starts it again after `kill`, with what it had. Resolves when it takes connections. */
  async restart(): Promise<void> {
    if (this.#process) return;
    await this.#startEpmd();
    // Erlang takes the shell's place, so that it is the process we know.
    const env = { ...this.#env(), RABBITMQ_ALLOW_INPUT: "1" };
    const child = spawn(`${BIN}/rabbitmq-server`, ["-noinput"], {
      cwd: this.folder,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#process = child;
    this.#hear(child);
    child.once("error", () => undefined);
    child.once("exit", () => {
      if (this.#process === child) this.#process = undefined;
    });
    const deadline = Date.now() + READY_MS;
    while (!(await accepts(this.port))) {
      if (!this.#process || Date.now() > deadline) {
        await this.kill();
        throw new Error(`RabbitMQ does not start:\n${this.#said}`);
      }
      await wait(50);
    }
  }

  /** Ends it at once, as `kill -9` does. What it had is still in its folder. */
  async kill(): Promise<void> {
    await end(this.#process);
  }

  /** Ends it and removes what it had. */
  async stop(): Promise<void> {
    await this.kill();
    await end(this.#epmd);
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The names of all its queues. */
  async queues(vhost = "/"): Promise<string[]> {
    const { stdout } = await this.#ctl(
      "list_queues",
      ...["--vhost", vhost, "--quiet", "--no-table-headers"],
      "name",
    );
    return stdout.split("\n").filter((line) => line !== "");
  }

  /** Whom the certificates of those name who are connected over TLS and have shown one. */
  async shown(): Promise<string[]> {
    const { stdout } = await this.#ctl(
      "list_connections",
      "--quiet",
      "--no-table-headers",
      "peer_cert_subject",
    );
    return stdout.split("\n").filter((line) => line !== "");
  }

  /** Makes a vhost, and a user who may do everything there and nothing elsewhere. */
  async addVhost(name: string, user: string, password: string): Promise<void> {
    await Promise.all([this.#ctl("add_vhost", name), this.#ctl("add_user", user, password)]);
    await this.#ctl("set_permissions", "--vhost", name, user, ".*", ".*", ".*");
  }

  /** Loses all that is in a vhost, as a broker does whose disk was replaced. Those who are connected there are cut off. */
  async emptyVhost(name: string, user: string): Promise<void> {
    await this.#ctl("delete_vhost", name);
    await this.#ctl("add_vhost", name);
    await this.#ctl("set_permissions", "--vhost", name, user, ".*", ".*", ".*");
  }

  /** Lets it believe that its memory is full, so that it takes no messages; or not any more. */
  async alarm(on: boolean): Promise<void> {
    await this.#ctl("set_vm_memory_high_watermark", on ? "0" : "0.9");
  }

  /** What RabbitMQ's own tool says. */
  #ctl(...args: string[]): Promise<{ stdout: string }> {
    return run(`${BIN}/rabbitmqctl`, args, { cwd: this.folder, env: this.#env() });
  }

  /** Under which name and port an Erlang node can be reached. The node would start it by itself, and leave it running. */
  async #startEpmd(): Promise<void> {
    if (this.#epmd) return;
    const { epmd: port } = this.ports;
    const child = spawn("epmd", ["-address", "127.0.0.1", "-port", String(port)], { stdio: "ignore" });
    this.#epmd = child;
    child.once("exit", () => {
      if (this.#epmd === child) this.#epmd = undefined;
    });
    while (!(await accepts(port))) {
      if (!this.#epmd) throw new Error("epmd does not start");
      await wait(10);
    }
  }

  #hear(child: ChildProcess): void {
    const hear = (text: Buffer) => {
      this.#said = (this.#said + text).slice(-4000);
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
  }

  #env(): NodeJS.ProcessEnv {
    const { folder, ports } = this;
    return {
      PATH: process.env.PATH,
      LANG: "C.UTF-8",
      // For the cookie that rabbitmqctl shows to the broker.
      HOME: folder,
      RABBITMQ_NODENAME: this.#name,
      RABBITMQ_CONF_ENV_FILE: join(folder, "none"),
      RABBITMQ_CONFIG_FILE: join(folder, "rabbitmq.conf"),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
      RABBITMQ_MNESIA_BASE: join(folder, "data"),
      RABBITMQ_LOG_BASE: join(folder, "log"),
      RABBITMQ_PID_FILE: join(folder, "pid"),
      RABBITMQ_LOGS: "-",
      RABBITMQ_DIST_PORT: String(ports.distribution),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none",
      ERL_EPMD_PORT: String(ports.epmd),
      ERL_EPMD_ADDRESS: "127.0.0.1",
    };
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).then((open) => {
    socket.destroy();
    return open === true;
  });
}

let shared: Promise<RabbitBroker> | undefined;

/** The broker of this run, made when it is first asked for; undefined where AMQP_URL names another. */
export function sharedRabbit(): Promise<RabbitBroker> | undefined {
  if (process.env.AMQP_URL) return undefined;
  shared ??= RabbitBroker.start();
  return shared;
}

/**
 * The address of a broker, for a `before` hook. Where none can be had the spec is skipped, loudly; with CI=true it fails
 * instead, as nothing may go untested there.
 */
export async function rabbitUrl(context: Mocha.Context): Promise<string> {
  context.timeout(2 * READY_MS);
  const { AMQP_URL, CI } = process.env;
  if (AMQP_URL) return AMQP_URL;
  if (!existsSync(`${BIN}/rabbitmq-server`)) {
    const reason = "there is no RabbitMQ broker (scripts/test-setup.sh adds it)";
    if (CI === "true") throw new Error(reason);
    process.stderr.write(`\n*** SKIPPED: ${reason}\n\n`);
    context.skip();
  }
  return ((await sharedRabbit()) as RabbitBroker).url;
}

// Outside of any describe: at the end of the whole run.
after("stops the RabbitMQ broker", async function () {
  this.timeout(READY_MS);
  await (await shared)?.stop();
});
