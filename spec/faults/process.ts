import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import type { Place } from "./place.js";
import { note } from "./story.js";

const MAIN = fileURLToPath(new URL("../../src/main.js", import.meta.url));

/** A server process that is killed and started again on the same data. */
export class ServerProcess implements Place {
  port: number | undefined;
  /** Its last port, for those who tell of it. */
  name = "";
  #child: ChildProcess | undefined;
  #waiting: ((port: number) => void)[] = [];
  /** What it said on standard error and in its log, for a failed run; the last lines only. */
  readonly lines: string[] = [];

  private constructor(
    private readonly folder: string,
    /** Its data folder. */
    readonly data: string,
    private readonly config: string,
  ) {}

  /**
   * @param storage the section `storage` of the configuration.
   * @param dataFolder the folder for its data, if it is not to be among the temporary ones.
   */
  static async create(
    storage: Record<string, unknown>,
    dataFolder?: string,
    more: Record<string, unknown> = {},
  ): Promise<ServerProcess> {
    const folder = await mkdtemp(join(tmpdir(), "sluice-faults-"));
    const data = dataFolder ?? join(folder, "data");
    const config = join(folder, "sluice.yaml");
    const settings = {
      data,
      listen: [{ type: "c2s", port: 0 }],
      tls: { required: false },
      auth: { plainWithoutTls: true, iterations: 4096 },
      offline: { maxMessages: 100_000 },
      session: { resumeTimeout: "3s", answerTimeout: "2s", maxUnacked: 100 },
      storage,
      log: { level: "info", format: "json" },
      ...more,
    };
    await writeFile(config, stringify(settings));
    return new ServerProcess(folder, data, config);
  }

  async addAccounts(names: readonly string[], password: string): Promise<void> {
    const file = join(this.folder, "accounts.tsv");
    await writeFile(file, names.map((name) => `${name}@localhost\t${password}\n`).join(""));
    const { status, stderr } = spawnSync(process.execPath, [
      MAIN,
      "user",
      "import",
      file,
      "--config",
      this.config,
    ]);
    if (status !== 0) throw new Error(`accounts could not be added: ${stderr}`);
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    note(`node ${this.name}`, "is started");
    const child = spawn(process.execPath, [MAIN, "start", "--config", this.config], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    createInterface({ input: child.stderr }).on("line", (line) => this.#note(line));
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code, signal) => {
        this.port = undefined;
        reject(new Error(`the server ended (${code ?? signal}):\n${this.lines.join("\n")}`));
      });
      createInterface({ input: child.stdout }).on("line", (line) => {
        this.#note(line);
        const port = /^c2s listening on .*:([0-9]+)$/.exec(line)?.[1];
        if (port !== undefined) {
          this.#listening(Number(port));
          resolve();
        }
      });
    });
  }

  up(): Promise<number> {
    if (this.port !== undefined) return Promise.resolve(this.port);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when it is gone. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    this.port = undefined;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    note(`node ${this.name}`, signal);
    child.kill(signal);
    await gone;
  }

  /** It does nothing for a while, as a machine that is overloaded or moved, and then goes on as if nothing had been. */
  async standStill(ms: number): Promise<void> {
    const child = this.#child;
    child?.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, ms));
    child?.kill("SIGCONT");
  }

  signal(name: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(name);
  }

  /** Bytes of the machine's memory that it has; undefined where the system does not say. */
  get memory(): number | undefined {
    try {
      const status = readFileSync(`/proc/${this.#child?.pid}/status`, "utf8");
      return 1024 * Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    } catch {
      return undefined;
    }
  }

  async remove(): Promise<void> {
    await this.end("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }

  #listening(port: number): void {
    this.port = port;
    this.name = String(port);
    for (const resolve of this.#waiting.splice(0)) resolve(port);
  }

  #note(line: string): void {
    note(`node ${this.name}`, line);
    this.lines.push(line);
    if (this.lines.length > 50) this.lines.shift();
  }
}
