import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { pinned } from "./command.js";
import { accepts } from "./port.js";

const START_MS = 30_000;
const STOP_MS = 20_000;
const OUTPUT_KEPT = 20_000;
const SERVER_CORE = "0";

/** Ended on exit, when the benchmark is interrupted. */
const alive = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of alive) child.kill("SIGKILL");
});

export interface Launch {
  command: readonly string[];
  cwd?: string;
  env?: Record<string, string>;
  /** It may use all cores, not only the first. */
  spread: boolean;
}

/** A server process, pinned to the first core unless it is spread; the end of what it says is kept for error messages. */
export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #said = "";

  constructor(launch: Launch) {
    const [command, ...args] = launch.spread ? launch.command : pinned(SERVER_CORE, launch.command);
    this.#child = spawn(command, args, {
      cwd: launch.cwd,
      env: { ...process.env, ...launch.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    alive.add(this.#child);
    this.#exited = new Promise((done) => {
      const gone = () => {
        alive.delete(this.#child);
        done();
      };
      this.#child.once("exit", gone).once("error", gone);
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#said = (this.#said + chunk.toString()).slice(-OUTPUT_KEPT);
      });
    }
    this.pid = this.#child.pid ?? 0;
  }

  /** Waits for a line of its output that names the port in the first group. */
  async portSaid(line: RegExp): Promise<number> {
    let found: RegExpExecArray | null = null;
    await this.#until(async () => {
      found = line.exec(this.#said);
      return found !== null;
    });
    return Number(found?.[1]);
  }

  /** Waits until something accepts connections on the port. */
  portOpen(port: number): Promise<void> {
    return this.#until(() => accepts(port));
  }

  /** Waits until it has said this. */
  said(text: string): Promise<void> {
    return this.#until(async () => this.#said.includes(text));
  }

  /** SIGTERM, then SIGKILL after 20 seconds. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), STOP_MS);
    await this.#exited;
    clearTimeout(late);
  }

  async #until(ready: () => Promise<boolean>): Promise<void> {
    for (let waited = 0; waited < START_MS; waited += 50) {
      if (await ready()) return;
      if (this.#child.exitCode !== null || this.pid === 0) break;
      await sleep(50);
    }
    await this.stop();
    throw new Error(`${this.#child.spawnargs.join(" ")} did not come up:\n${this.#said}`);
  }
}
