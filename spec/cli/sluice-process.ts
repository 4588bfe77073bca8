import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { atSuddenEnd } from "../interop/support/sudden-end.js";

/** Of the same build as this spec. */
export const MAIN = fileURLToPath(new URL("../../src/main.js", import.meta.url));

/** ms; everything here takes a fraction of it. */
const DEADLINE = 15_000;

export interface ProcessOptions {
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/** A `sluice` command in a process of its own, with all that it says. */
export class SluiceProcess {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<number | string>;
  #waiting = new Set<() => void>();

  constructor(args: readonly string[], { cwd, env = {} }: ProcessOptions = {}) {
    this.#child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...withoutOptions(), ...env } });
    const calledOff = atSuddenEnd(() => this.#child.kill("SIGKILL"));
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => this.#hear("stdout", text));
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => this.#hear("stderr", text));
    // It may have ended before it was given anything.
    this.#child.stdin.on("error", (error) => this.#hear("stderr", `stdin: ${error.message}\n`));
    this.#ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        calledOff();
        resolve(code ?? signal ?? "unknown");
      });
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  give(input: string): void {
    this.#child.stdin.end(input);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  closeOutputs(...outputs: ("stdout" | "stderr")[]): void {
    for (const output of outputs) this.#child[output].destroy();
  }

  /** The exit code, or the signal that ended it. */
  ended(): Promise<number | string> {
    return within(this.#ended, () => `is still running:\n${this.#all()}`);
  }

  /** What the pattern finds on standard output, now or later. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    let listener = () => undefined as void;
    const found = new Promise<RegExpExecArray>((resolve, reject) => {
      listener = () => {
        const match = pattern.exec(this.stdout);
        if (match) resolve(match);
      };
      void this.#ended.then((code) =>
        reject(new Error(`ended (${code}) before ${pattern}:\n${this.#all()}`)),
      );
      this.#waiting.add(listener);
      listener();
    });
    return within(found, () => `did not say ${pattern}:\n${this.#all()}`).finally(() =>
      this.#waiting.delete(listener),
    );
  }

  /** The port of a listener. @param nth among those of its type, from 0. */
  async port(type = "c2s"): Promise<number> {
    const [, port] = await this.says(new RegExp(`^${type} listening on \\S+:(\\d+)$`, "m"));
    return Number(port);
  }

  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await this.#ended;
  }

  #hear(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    for (const listener of this.#waiting) listener();
  }

  #all(): string {
    return `${this.stdout}\n${this.stderr}`;
  }
}

export interface Outcome {
  code: number | string;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end. @param input for its standard input. */
export async function sluice(
  args: readonly string[],
  input = "",
  options: ProcessOptions = {},
): Promise<Outcome> {
  const command = new SluiceProcess(args, options);
  try {
    command.give(input);
    const code = await command.ended();
    return { code, stdout: command.stdout, stderr: command.stderr };
  } finally {
    await command.kill();
  }
}

export async function within<T>(work: Promise<T>, complaint: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`within ${DEADLINE} ms: ${complaint()}`)), DEADLINE);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Whoever runs the specs may have set options for a server of their own. */
function withoutOptions(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("SLUICE_")));
}
