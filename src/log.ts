/**
 * The log: lines with fields, on pino. Each line belongs to an area (`c2s`, `storage`, …) whose level can be changed while
 * the server runs. What is logged passes `redact.ts` first.
 */
import { openSync } from "node:fs";
import { dirname } from "node:path";
import { pino } from "pino";
import { atMost } from "./at-most.js";
import type { LOG_LEVELS, LogConfig } from "./config/schema.js";
import { SetupError } from "./config/setup-error.js";
import { makeFolder } from "./make-folder.js";
import { redactError, redactFields, redactText } from "./redact.js";

export type LogLevel = Exclude<(typeof LOG_LEVELS)[number], "silent">;

/** Writes one line: fields and a message, an error and a message, or a message alone. */
export type LogMethod = (fieldsOrMessage: object | string, message?: string) => void;

export interface Logger {
  trace: LogMethod;
  debug: LogMethod;
  info: LogMethod;
  warn: LogMethod;
  error: LogMethod;
  /** A logger whose lines carry further fields; `area` chooses the level. Cheap until something is logged. */
  child(fields: { area?: string; [field: string]: unknown }): Logger;
  /** Whether a line of this level would be written: to be asked before building something costly. */
  enabled(level: LogLevel): boolean;
}

export interface RootLogger extends Logger {
  /** Takes over new levels, for loggers that exist already too. */
  setLevels(config: Pick<LogConfig, "level" | "areas">): void;
  /**
   * Opens the log file anew, after it was rotated.
   * @throws SetupError, and goes on with the old one, if it cannot be opened
   */
  reopen(): void;
  /** Resolves when all lines are written: the last act of a process. Lines logged later are lost. */
  close(): Promise<void>;
}

/** Where lines go. */
export interface LogSink {
  write(line: string): unknown;
}

type Destination = ReturnType<typeof pino.destination>;

const RANKS: Record<(typeof LOG_LEVELS)[number], number> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  silent: Number.POSITIVE_INFINITY,
};

// When the disk or the pipe cannot keep up, lines are dropped rather than memory filled.
const MAX_BUFFER = 8 * 1024 ** 2;
/** ms. A reader that has stopped reading must not keep the process. */
const CLOSE_WITHIN = 3000;

/**
 * @param sink instead of the file or standard output that the configuration names
 * @throws SetupError if the log file cannot be written
 */
export function createLogger(config: LogConfig, sink?: LogSink): RootLogger {
  const output = sink ? undefined : new Output(config.file);
  const target = sink ?? output!;
  const terminal = output !== undefined && config.file === undefined && process.stdout.isTTY === true;
  const pretty = config.format === "pretty" || (config.format === "auto" && terminal);
  const base = pino(
    {
      level: "trace", // the areas decide
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors arrive as `redactError` made them.
      serializers: { err: (error: unknown) => error },
    },
    pretty ? { write: (line: string) => target.write(prettyLine(line, terminal)) } : target,
  );
  return new Root(base, new Levels(config), output);
}

/** A file or standard output, written in the background. */
class Output implements LogSink {
  readonly #file: string | undefined;
  #destination: Destination;
  /** Files that were rotated away and are still being written. */
  #older: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(file: string | undefined) {
    this.#file = file;
    this.#destination = openDestination(file);
  }

  write(line: string): void {
    if (!this.#closed) this.#destination.write(line);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#older;
    await finish(this.#destination);
  }

  /** @throws SetupError, and goes on with the old file, if the new one cannot be opened */
  reopen(): void {
    if (this.#file === undefined) return;
    const old = this.#destination;
    this.#destination = openDestination(this.#file);
    // What it still has goes to the old file, in the background.
    const before = this.#older;
    this.#older = finish(old).then(() => before);
  }
}

/**
 * Resolves when everything is written and the file is closed (flushing alone would overtake a write that is under way), or
 * cannot be.
 */
async function finish(destination: Destination): Promise<void> {
  const over = new Promise<void>((resolve) => {
    destination.once("close", resolve);
    // After a failed write the destination would wait for another line.
    destination.once("error", () => resolve());
  });
  destination.end();
  await atMost(over, CLOSE_WITHIN);
  destination.destroy();
}

function openDestination(file: string | undefined): Destination {
  const dest = file === undefined ? 1 : openFile(file);
  const destination = pino.destination({ dest, sync: false, maxLength: MAX_BUFFER });
  // A full disk must not end the server; the lines are lost, and standard error is all that is left to say so.
  destination.on("error", (error: Error) =>
    process.stderr.write(`The log cannot be written: ${error.message}\n`),
  );
  return destination;
}

function openFile(file: string): number {
  try {
    makeFolder(dirname(file), 0o777);
    return openSync(file, "a", 0o640);
  } catch (error) {
    throw new SetupError(
      `The log file ${file} cannot be written (${(error as NodeJS.ErrnoException).code}). Let the server's user write there, or change log.file.`,
    );
  }
}

interface AreaLevel {
  rank: number;
}

/** The level of each area; loggers hold on to the same objects, so a change reaches them all. */
class Levels {
  readonly #areas = new Map<string, AreaLevel>();
  #config: Pick<LogConfig, "level" | "areas">;

  constructor(config: Pick<LogConfig, "level" | "areas">) {
    this.#config = config;
  }

  of(area: string): AreaLevel {
    let level = this.#areas.get(area);
    if (!level) {
      level = { rank: this.#rank(area) };
      this.#areas.set(area, level);
    }
    return level;
  }

  set(config: Pick<LogConfig, "level" | "areas">): void {
    this.#config = config;
    for (const [area, level] of this.#areas) level.rank = this.#rank(area);
  }

  #rank(area: string): number {
    const { level, areas } = this.#config;
    return RANKS[Object.hasOwn(areas, area) ? areas[area] : level];
  }
}

class AreaLogger implements Logger {
  readonly #base: pino.Logger;
  readonly #fields: { area: string };
  readonly #levels: Levels;
  readonly #level: AreaLevel;
  /** With the fields bound: made at the first line, as most connections never log one. */
  #bound: pino.Logger | undefined;

  constructor(base: pino.Logger, levels: Levels, fields: { area: string }) {
    this.#base = base;
    this.#levels = levels;
    this.#level = levels.of(fields.area);
    this.#fields = fields;
  }

  trace(fields: object | string, message?: string): void {
    this.#write("trace", fields, message);
  }

  debug(fields: object | string, message?: string): void {
    this.#write("debug", fields, message);
  }

  info(fields: object | string, message?: string): void {
    this.#write("info", fields, message);
  }

  warn(fields: object | string, message?: string): void {
    this.#write("warn", fields, message);
  }

  error(fields: object | string, message?: string): void {
    this.#write("error", fields, message);
  }

  enabled(level: LogLevel): boolean {
    return RANKS[level] >= this.#level.rank;
  }

  child(fields: { area?: string; [field: string]: unknown }): Logger {
    return new AreaLogger(this.#base, this.#levels, { ...this.#fields, ...fields });
  }

  #write(level: LogLevel, fields: object | string, message: string | undefined): void {
    if (RANKS[level] < this.#level.rank) return;
    const log = this.#open();
    if (typeof fields === "string") log[level](redactText(fields));
    else if (fields instanceof Error)
      log[level]({ err: redactError(fields) }, redactText(message ?? fields.message));
    else log[level](redactFields(fields), message === undefined ? undefined : redactText(message));
  }

  #open(): pino.Logger {
    this.#bound ??= this.#base.child(redactFields(this.#fields));
    return this.#bound;
  }
}

class Root extends AreaLogger implements RootLogger {
  readonly #levels: Levels;
  readonly #output: Output | undefined;

  constructor(base: pino.Logger, levels: Levels, output?: Output) {
    super(base, levels, { area: "server" });
    this.#levels = levels;
    this.#output = output;
  }

  setLevels(config: Pick<LogConfig, "level" | "areas">): void {
    this.#levels.set(config);
  }

  reopen(): void {
    this.#output?.reopen();
  }

  async close(): Promise<void> {
    await this.#output?.close();
  }
}

const COLOURS: Record<string, number> = { trace: 90, debug: 36, info: 32, warn: 33, error: 31 };

/** `12:00:00.000 info  c2s: session bound  conn=7`, with the stack of an error below. */
function prettyLine(json: string, colour: boolean): string {
  const { level, time, area, msg = "", err, ...fields } = JSON.parse(json);
  const label = String(level).padEnd(5);
  const shown = colour ? `\x1b[${COLOURS[level]}m${label}\x1b[0m` : label;
  const rest = Object.entries(fields).map(([key, value]) => `  ${key}=${asText(value)}`);
  const stack = err?.stack ? `\n${String(err.stack).replace(/^/gm, "    ")}` : "";
  return `${String(time).slice(11, 23)} ${shown} ${area ? `${area}: ` : ""}${msg}${rest.join("")}${stack}\n`;
}

function asText(value: unknown): string {
  return typeof value === "string" && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value);
}
