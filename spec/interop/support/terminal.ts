import { spawnSync } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./need.js";
import { shotFile } from "./shots.js";
import { atSuddenEnd } from "./sudden-end.js";
import { until } from "./waiting.js";

const SOCKET = ["-L", "sluice-interop"];
const COLUMNS = 120;
const ROWS = 40;
const PATIENCE_MS = 20_000;

/** A program in a terminal of its own, as a person at a keyboard uses it: a tmux server that nobody else talks to. */
export class Terminal {
  readonly #calledOff: () => void;

  private constructor(
    readonly name: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {
    this.#calledOff = atSuddenEnd(() => spawnSync("tmux", [...SOCKET, "kill-server"], { env }));
  }

  /**
   * Starts `program`, with `home` as home folder and nothing else of this environment but the path.
   * `name` is part of the names of the pictures.
   */
  static async open(name: string, program: string, home: string): Promise<Terminal> {
    const sockets = join(home, "tmux");
    await mkdir(sockets, { recursive: true, mode: 0o700 });
    const terminal = new Terminal(name, {
      PATH: process.env.PATH,
      HOME: home,
      TERM: "xterm-256color",
      LANG: "C.UTF-8",
      TMUX_TMPDIR: sockets,
    });
    const size = ["-x", String(COLUMNS), "-y", String(ROWS)];
    await terminal.#tmux("-f", "/dev/null", "new-session", "-d", ...size, program);
    return terminal;
  }

  /** Types a line and presses Enter. */
  async type(line: string): Promise<void> {
    await this.#tmux("send-keys", "-l", line);
    await this.#tmux("send-keys", "Enter");
  }

  /** Waits until the screen shows a match, and gives it. Throws an Error with the screen when it never does. */
  shows(expected: RegExp): Promise<RegExpExecArray> {
    const look = async () => expected.exec(await this.#screen()) ?? undefined;
    return until(`the screen to show ${expected}`, PATIENCE_MS, look, () => this.#screen());
  }

  /** Keeps the screen as text. */
  async keep(step: string): Promise<void> {
    await writeFile(await shotFile(`${this.name}-${step}.txt`), await this.#screen());
  }

  /** Waits until the program has ended by itself, and the terminal with it. */
  async closed(): Promise<void> {
    const look = async () => ((await this.#alive()) ? undefined : true);
    await until(`${this.name} to end`, PATIENCE_MS, look, () => this.#screen());
    this.#calledOff();
  }

  /** Closes the terminal, which ends the program. May be called again. */
  async close(): Promise<void> {
    if (await this.#alive()) await this.#tmux("kill-server");
    this.#calledOff();
  }

  async #screen(): Promise<string> {
    return (await this.#alive()) ? this.#tmux("capture-pane", "-p") : "(closed)";
  }

  async #alive(): Promise<boolean> {
    return this.#tmux("has-session").then(
      () => true,
      () => false,
    );
  }

  async #tmux(...args: string[]): Promise<string> {
    const { stdout } = await run("tmux", [...SOCKET, ...args], { env: this.env });
    return stdout;
  }
}
