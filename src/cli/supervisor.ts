import { createHash } from "node:crypto";
import type { Socket } from "node:net";
import { AdminError } from "../admin/admin-error.js";
import { type ControlRequest, ControlServer, controlPath } from "../admin/control.js";
import type { DrainBegun } from "../admin/drain-commands.js";
import type { Config } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import type { RootLogger } from "../log.js";
import { makeDataFolder } from "../storage/data-folder.js";
import { Listener } from "../transport/listener.js";
import { version } from "../version.js";
import type { ReadConfig } from "./config.js";
import { greet } from "./start-greeting.js";
import { stopSignal } from "./stop-signals.js";
import { WorkerProcess } from "./worker-process.js";

/** ms before a worker that has ended is started again: at first, and at the most. */
const BACKOFF = { first: 100, most: 10_000 };
/** ms after which a worker that ends is one that has run. */
const STEADY = 60_000;
/** Connections that wait while no worker serves. */
const MAX_WAITING = 1000;

/**
 * Runs workers that share the ports, and resolves when they have stopped. Clients' streams are given to one after the other;
 * what comes to web ports goes by the client's address, since the requests of one BOSH session (XEP-0124) belong together.
 * @throws SetupError
 */
export async function superviseWorkers(
  read: ReadConfig,
  config: Config,
  args: readonly string[],
  log: RootLogger,
): Promise<void> {
  await makeDataFolder(config.data);
  const supervisor = new Supervisor(config, args, log);
  // Whatever ends this process, as a second SIGTERM does: they do not stay behind.
  process.once("exit", () => supervisor.kill());
  const control = new ControlServer(
    controlPath(config.data),
    (request) => supervisor.control(request),
    log.child({ area: "control" }),
  );
  try {
    await supervisor.open();
    await control.start();
    await supervisor.startAll();
    const stop = stopSignal();
    process.on("SIGHUP", () => void supervisor.reload(read));
    log.info({ version, workers: config.cluster.workers, listening: supervisor.listening }, "started");
    greet(Object.keys(config.domains), supervisor.listening);
    const drained = supervisor.drained.then(() => "drained");
    const reason = await Promise.race([stop, drained, supervisor.failed]);
    log.info({ reason }, "stopping");
  } finally {
    await control.stop();
    await supervisor.stop();
  }
  log.info("stopped");
}

class Supervisor {
  readonly listening: { type: Config["listen"][number]["type"]; host: string; port: number }[] = [];
  /** Rejects when no worker runs and none can be started. */
  readonly failed: Promise<never>;
  /** Resolves when all workers have handed their sessions over, because an admin wants it, and have ended. */
  readonly drained: Promise<void>;
  #onDrained: () => void = () => undefined;
  readonly #listeners: Listener[] = [];
  readonly #workers: (WorkerProcess | undefined)[] = [];
  readonly #waiting: { listener: number; socket: Socket }[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #fail: (error: Error) => void = () => undefined;
  #next = 0;
  #stopping = false;

  constructor(
    private readonly config: Config,
    private readonly args: readonly string[],
    private readonly log: RootLogger,
  ) {
    this.failed = new Promise((_resolve, reject) => {
      this.#fail = reject;
    });
    this.failed.catch(() => undefined);
    this.drained = new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  /** @throws SetupError when a port cannot be had. */
  async open(): Promise<void> {
    for (const [index, { type, host, port }] of this.config.listen.entries()) {
      const options = { type, host, port, maxConnections: 0, maxConnectionsPerAddress: 0, paused: true };
      const listener = new Listener(options, (socket) => this.#accept(index, socket));
      this.#listeners.push(listener);
      this.listening.push({ type, host, port: await listener.start() });
    }
  }

  /** Resolves when all serve. The first goes ahead: what is wrong is said once. @throws SetupError */
  async startAll(): Promise<void> {
    const { workers } = this.config.cluster;
    await this.#begin(0);
    await Promise.all(Array.from({ length: workers - 1 }, (_, i) => this.#begin(i + 1)));
    for (const [slot, worker] of this.#workers.entries()) if (worker) void this.#keep(slot, worker);
  }

  async reload(read: ReadConfig): Promise<void> {
    for (const worker of this.#workers) worker?.signal("SIGHUP");
    try {
      const { config } = await read();
      this.log.setLevels(config.log);
      this.log.reopen();
    } catch (error) {
      // The workers say what is wrong in it.
      if (!(error instanceof SetupError)) this.log.error({ err: error }, "the configuration cannot be read");
    }
  }

  async control(request: ControlRequest): Promise<unknown> {
    if (request.command === "drain") return this.#drain(request);
    const worker = this.#workers.find((one) => one?.serves);
    if (!worker) throw new AdminError("The server is starting again; try it in a moment.");
    return worker.ask(request);
  }

  /** All of them go. What one of them refuses, as there is no other node, all do. @throws AdminError */
  async #drain(request: ControlRequest): Promise<DrainBegun> {
    const workers = this.#workers.filter((worker) => worker?.serves) as WorkerProcess[];
    const begun = (await Promise.all(workers.map((worker) => worker.ask(request)))) as DrainBegun[];
    this.#stopping = true;
    for (const listener of this.#listeners) listener.stop();
    void Promise.all(workers.map(({ ended }) => ended)).then(this.#onDrained);
    const sessions = begun.reduce((sum, one) => sum + one.sessions, 0);
    return { sessions, time: Math.max(0, ...begun.map(({ time }) => time)) };
  }

  kill(): void {
    for (const worker of this.#workers) worker?.signal("SIGKILL");
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    for (const listener of this.#listeners) listener.stop();
    for (const timer of this.#timers) clearTimeout(timer);
    for (const { socket } of this.#waiting.splice(0)) socket.destroy();
    const workers = this.#workers.filter((worker) => worker !== undefined);
    for (const worker of workers) worker.signal("SIGTERM");
    for (const { code, wasReady } of await Promise.all(workers.map(({ ended }) => ended)))
      if (code !== 0 && wasReady) process.exitCode = 1;
  }

  async #begin(slot: number): Promise<void> {
    const worker = this.#launch(slot);
    await worker.begun;
    if (worker.serves || this.#stopping) return;
    const { code, signal } = await worker.ended;
    this.#workers[slot] = undefined;
    const end = signal ?? `exit code ${code}`;
    throw new SetupError(
      `Worker ${slot + 1} could not start (${end}), so neither can the server; the reason stands above or in the log.`,
    );
  }

  #launch(slot: number): WorkerProcess {
    const ports = this.listening.map(({ port }) => port);
    const worker = new WorkerProcess(slot + 1, this.args, ports, () => this.#serveWaiting());
    this.#workers[slot] = worker;
    return worker;
  }

  /** Starts it again whenever it has ended. */
  async #keep(slot: number, first: WorkerProcess): Promise<void> {
    let delay = BACKOFF.first;
    for (let worker = first; ; worker = this.#launch(slot)) {
      const began = performance.now();
      const { code, signal, wasReady } = await worker.ended;
      this.#workers[slot] = undefined;
      if (this.#stopping) return;
      // Nobody needs to wait until it is missed.
      if (worker.node !== undefined) for (const other of this.#workers) other?.buries(worker.node);
      if (performance.now() - began > STEADY) delay = BACKOFF.first;
      const others = this.#workers.some((one) => one?.serves);
      if (!wasReady && !others) {
        const why = `exit code or signal ${code ?? signal}`;
        this.#fail(
          new SetupError(
            `No worker serves, and worker ${slot + 1} could not be started (${why}); see the log.`,
          ),
        );
        return;
      }
      this.log.warn({ worker: slot + 1, code, signal, delay }, "a worker has ended; it is started again");
      await this.#pause(delay);
      if (this.#stopping) return;
      delay = Math.min(2 * delay, BACKOFF.most);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }

  #accept(listener: number, socket: Socket): void {
    socket.on("error", () => socket.destroy());
    const worker = this.#workerFor(listener, socket);
    if (worker) worker.give(listener, socket);
    else if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ listener, socket });
    else socket.destroy();
  }

  #serveWaiting(): void {
    for (const { listener, socket } of this.#waiting.splice(0)) this.#accept(listener, socket);
  }

  #workerFor(listener: number, socket: Socket): WorkerProcess | undefined {
    const { type } = this.config.listen[listener];
    const isWeb = type === "http" || type === "https";
    const count = this.config.cluster.workers;
    const first = isWeb ? placeOf(socket.remoteAddress ?? "") % count : this.#next++ % count;
    for (let i = 0; i < count; i++) {
      const worker = this.#workers[(first + i) % count];
      if (worker?.serves) return worker;
    }
    return undefined;
  }
}

/** A number that an address always has. */
function placeOf(address: string): number {
  return createHash("sha256").update(address).digest().readUInt32BE(0);
}
