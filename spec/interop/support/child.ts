import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { atSuddenEnd } from "./sudden-end.js";

const KEPT_LINES = 500;
const SHOWN_LINES = 60;
const GRACE_MS = 5000;

export interface ChildOptions {
  /** The whole environment of the process; by default that of this one. */
  env?: NodeJS.ProcessEnv;
  /** Another user than this one's. */
  uid?: number;
  gid?: number;
}

type Listener = (line: string) => void;

/** A process with its own process group, read line by line, that never outlives its spec. */
export class Child {
  /** The last lines of both outputs, for the message of a failure. */
  readonly recent: string[] = [];
  readonly #name: string;
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #listeners = new Set<Listener>();
  readonly #gone: Promise<unknown>;

  constructor(command: string, args: readonly string[], options: ChildOptions = {}) {
    this.#name = command;
    this.#process = spawn(command, args, { ...options, detached: true });
    const calledOff = atSuddenEnd(() => this.kill());
    this.#gone = once(this.#process, "close")
      .catch((error) => this.#hear(`could not run: ${error}`))
      .finally(calledOff);
    // The process may have ended while a line was on its way to it; its end is reported by waitForLine.
    this.#process.stdin.on("error", (error) => this.#hear(`could not write: ${error}`));
    createInterface(this.#process.stdout).on("line", (line) => this.#hear(line));
    createInterface(this.#process.stderr).on("line", (line) => this.#hear(line));
  }

  get running(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && !this.#process.signalCode;
  }

  onLine(listener: Listener): void {
    this.#listeners.add(listener);
  }

  writeLine(line: string): void {
    this.#process.stdin.write(`${line}\n`);
  }

  /** Writes the last of what there is to write. */
  endInput(text: string): void {
    this.#process.stdin.end(text);
  }

  /**
   * Waits for a line that is still to come, or came already and is still kept.
   * `read` gives undefined for lines that are something else. Throws an Error with the last lines after `ms`, or
   * when the process ends first.
   */
  async waitForLine<T>(what: string, ms: number, read: (line: string) => T | undefined): Promise<T> {
    for (const line of this.recent) {
      const found = read(line);
      if (found !== undefined) return found;
    }
    const { promise, resolve, reject } = deferred<T>();
    const listener: Listener = (line) => {
      const found = read(line);
      if (found !== undefined) resolve(found);
    };
    const timer = setTimeout(() => reject(this.failure(`no ${what} within ${ms} ms`)), ms);
    this.#listeners.add(listener);
    void this.#gone.then(() => reject(this.failure(`ended before ${what}`)));
    return promise.finally(() => {
      clearTimeout(timer);
      this.#listeners.delete(listener);
    });
  }

  /** Waits until the process has ended by itself and gives its exit code. Throws an Error after `ms`. */
  async ended(ms: number): Promise<number | null> {
    const { promise, reject } = deferred<never>();
    const timer = setTimeout(() => reject(this.failure(`still running after ${ms} ms`)), ms);
    await Promise.race([this.#gone, promise]).finally(() => clearTimeout(timer));
    return this.#process.exitCode;
  }

  /** Ends the process and what it has started; resolves when it is gone. May be called again. */
  async stop(): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.kill(), GRACE_MS);
    await this.#gone;
    clearTimeout(timer);
    // Those of the group that outlived the first of them.
    this.kill();
  }

  /** Ends the process and what it has started, at once. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  failure(what: string): Error {
    return new Error(`${this.#name}: ${what}\n${this.recent.slice(-SHOWN_LINES).join("\n")}`);
  }

  #hear(line: string): void {
    this.recent.push(line);
    if (this.recent.length > KEPT_LINES) this.recent.shift();
    for (const listener of this.#listeners) listener(line);
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // ESRCH: nobody is left in the group.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (why: Error) => void;
  const promise = new Promise<T>((accept, refuse) => {
    resolve = accept;
    reject = refuse;
  });
  return { promise, resolve, reject };
}
