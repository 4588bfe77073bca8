/** Puts the configuration together: defaults, then the file, then the environment, then the command line. */
import { existsSync, readFileSync } from "node:fs";
import { explain } from "./issues.js";
import { applyOverrides, type Override, readEnvironment, readSettings } from "./overrides.js";
import { ConfigError, type ConfigProblem, type Place, placeMistakes } from "./problem.js";
import { type Config, configSchema } from "./schema.js";
import { SetupError } from "./setup-error.js";
import { readYaml, type YamlFile } from "./yaml-file.js";

export { ConfigError, type ConfigProblem } from "./problem.js";

export const DEFAULT_FILE = "conf/sluice.yaml";

export interface ConfigSources {
  /** Path of the file. Without it `conf/sluice.yaml` is read if it exists. */
  file?: string;
  /** The file's text, instead of reading it; `file` is then only its name in messages. */
  text?: string;
  /** `key=value` pairs from the command line, see `readSettings`. */
  set?: readonly string[];
  /** Usually `process.env`, see `readEnvironment`. Without it no variable is looked at. */
  env?: NodeJS.ProcessEnv;
}

export interface LoadedConfig {
  config: Config;
  /** The file that was read. */
  file: string | undefined;
  /** Sentences for the log. */
  warnings: string[];
  /** What was written, before defaults. */
  written: unknown;
  /** Where the option at a path, or what is nearest to it, was written. */
  locate(path: readonly PropertyKey[]): Place;
}

/** A configuration as read, right or not. */
export interface ConfigReading extends Omit<LoadedConfig, "config"> {
  /** Undefined when there are problems. */
  config: Config | undefined;
  /** Every mistake but those in the options of plugins. */
  problems: ConfigProblem[];
}

/**
 * Reads and checks the whole configuration but for the options of plugins: `plugin/configured.ts` looks at these too.
 * @throws ConfigError with every mistake, SetupError if the file cannot be read
 */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  return requireRight(readConfig(sources));
}

/** @throws ConfigError with every mistake found */
export function requireRight({ config, problems, ...rest }: ConfigReading): LoadedConfig {
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);
  return { config, ...rest };
}

/** @throws SetupError if the file cannot be read */
export function readConfig(sources: ConfigSources = {}): ConfigReading {
  const file = readSource(sources);
  const environment = readEnvironment(sources.env ?? {}, configSchema);
  const settings = readSettings(sources.set ?? []);
  const overrides = [...environment.overrides, ...settings.overrides];
  const problems = [...(file?.problems ?? []), ...environment.problems, ...settings.problems];
  const written = applyOverrides(file?.values ?? {}, overrides);
  const locate = (path: readonly PropertyKey[]) => place(path, file, overrides);

  const result = configSchema.safeParse(written);
  const mistakes = result.error ? explain(result.error.issues, configSchema, written) : [];
  problems.push(...placeMistakes(mistakes, locate));
  const config = problems.length === 0 ? result.data : undefined;
  return { config, problems, file: file?.name, warnings: environment.warnings, written, locate };
}

function readSource({ file, text }: ConfigSources): YamlFile | undefined {
  if (text !== undefined) return readYaml(file ?? "text", text);
  if (file !== undefined) return readYaml(file, readFile(file));
  return existsSync(DEFAULT_FILE) ? readYaml(DEFAULT_FILE, readFile(DEFAULT_FILE)) : undefined;
}

function readFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new SetupError(
      `The configuration file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}). Check that it exists and that the server may read it.`,
    );
  }
}

/** An override that set the option, or that comes nearer to it than the file does; else the file. */
function place(
  path: readonly PropertyKey[],
  file: YamlFile | undefined,
  overrides: readonly Override[],
): Place {
  const found = file?.find(path) ?? { depth: 0, line: 1 };
  const near = overrides.findLast(({ path: set }) => {
    const depth = common(set, path);
    return depth === set.length || depth > found.depth;
  });
  if (near) return { file: near.from };
  return file ? { file: file.name, line: found.line } : { file: "configuration" };
}

function common(a: readonly PropertyKey[], b: readonly PropertyKey[]): number {
  const different = a.findIndex((part, index) => part !== String(b[index]));
  return different === -1 ? a.length : different;
}
