import { writeFile } from "node:fs/promises";
import { Child } from "./child.js";
import { run } from "./need.js";
import type { Person } from "./person.js";
import { shotFile } from "./shots.js";
import { until } from "./waiting.js";

const START_MS = 20_000;
const COMMAND_MS = 20_000;
const STILL_MS = 5000;
const SCREEN = "1024x640x24";
const MAX_PICTURE = 32 * 1024 ** 2;

/** The programs a desktop is made of. */
export const DESKTOP_PROGRAMS = ["Xvfb", "dbus-daemon", "openbox", "xdotool", "import"];

/** An invisible screen with a window manager and a message bus that no other program knows of. */
export class Desktop {
  readonly #parts: Child[] = [];
  readonly #env: NodeJS.ProcessEnv;
  /** As whom, where and with which environment programs run here. */
  readonly #how: Person & { cwd: string; env: NodeJS.ProcessEnv };

  private constructor(person: Person, home: string) {
    this.#env = {
      PATH: process.env.PATH,
      HOME: home,
      LANG: "C.UTF-8",
      XDG_RUNTIME_DIR: home,
      // Services that would otherwise be started on the bus, and outlive it.
      NO_AT_BRIDGE: "1",
      GSETTINGS_BACKEND: "memory",
      GIO_USE_VFS: "local",
    };
    this.#how = { ...person, cwd: home, env: this.#env };
  }

  /** Starts it for that person. `home`: their folder. */
  static async start(person: Person, home: string): Promise<Desktop> {
    const desktop = new Desktop(person, home);
    try {
      await desktop.#start();
      return desktop;
    } catch (error) {
      await desktop.stop();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const screen = this.launch("Xvfb", "-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp");
    const display = await screen.waitForLine("display", START_MS, (line) => /^\d+$/.exec(line)?.[0]);
    this.#env.DISPLAY = `:${display}`;
    const bus = this.launch("dbus-daemon", "--session", "--nofork", "--nosyslog", "--print-address=1");
    this.#env.DBUS_SESSION_BUS_ADDRESS = await bus.waitForLine("address", START_MS, (line) =>
      line.startsWith("unix:") ? line : undefined,
    );
    this.launch("openbox");
    await until("the window manager", START_MS, () => this.#answer("xdotool", "get_desktop"));
  }

  /** Starts a program on this desktop; it ends with the desktop at the latest. */
  launch(program: string, ...args: string[]): Child {
    const child = new Child(program, args, this.#how);
    this.#parts.push(child);
    return child;
  }

  /** Runs a program on this desktop to its end. `input`: its standard input. Gives its output, throws if it fails. */
  async run(program: string, args: readonly string[], input?: string): Promise<string> {
    const running = run(program, [...args], { ...this.#how, timeout: COMMAND_MS });
    if (input !== undefined) {
      // A program that ends without reading has failed, and says why by itself.
      running.child.stdin?.on("error", (error) => process.emitWarning(error)).end(input);
    }
    return (await running).stdout;
  }

  /** Waits until the window with that title has the keyboard. */
  async focused(title: string): Promise<void> {
    const seen = () => this.#answer("xdotool", "getactivewindow", "getwindowname");
    const look = async () => ((await seen()) === title ? true : undefined);
    await until(`the window "${title}" to be in front`, START_MS, look, async () => `${await seen()}`);
  }

  /** Presses keys, by the names of X such as `ctrl+q`, in the window that has the keyboard. */
  async press(...keys: string[]): Promise<void> {
    await this.run("xdotool", ["key", ...keys]);
  }

  /** Types letters in the window that has the keyboard. */
  async type(text: string): Promise<void> {
    await this.run("xdotool", ["type", "--delay", "20", text]);
  }

  /** Keeps a picture of the screen, once it no longer changes. */
  async keep(name: string): Promise<void> {
    let picture = await this.#picture();
    const still = async () => {
      const before = picture;
      picture = await this.#picture();
      return picture.equals(before) ? true : undefined;
    };
    // A screen that never rests is no failure, its picture is only for people.
    await until("a screen at rest", STILL_MS, still).catch(() => picture);
    await writeFile(await shotFile(`${name}.png`), picture);
  }

  /** Ends all that runs here, the screen last. May be called again. */
  async stop(): Promise<void> {
    for (const part of this.#parts.reverse()) await part.stop();
    this.#parts.length = 0;
  }

  async #picture(): Promise<Buffer> {
    // Without a file name, the date of which would be in the picture.
    const { stdout } = await run("import", ["-window", "root", "-strip", "png:-"], {
      ...this.#how,
      encoding: "buffer",
      maxBuffer: MAX_PICTURE,
      timeout: COMMAND_MS,
    });
    return stdout;
  }

  /** What a program says, or undefined while it fails. */
  async #answer(program: string, ...args: string[]): Promise<string | undefined> {
    return this.run(program, args).then(
      (output) => output.trim(),
      () => undefined,
    );
  }
}
