import type { Command } from "commander";
import type { ConfigReading, ConfigSources, LoadedConfig } from "../config/loader.js";

interface CommonOptions {
  config?: string;
  set?: string[];
}

/** Reads the configuration that the options of a command name, anew at each call. @throws ConfigError, SetupError */
export type ReadConfig = () => Promise<LoadedConfig>;

/** What reads the configuration is loaded here and below, so that `--help` need not wait for it. */
export async function configReader(command: Command): Promise<ReadConfig> {
  const { loadWithPlugins } = await import("../plugin/configured.js");
  return () => loadWithPlugins(sourcesOf(command));
}

/** With the options of plugins checked, as whoever starts a server needs it. @throws ConfigError, SetupError */
export async function completeConfigOf(command: Command): Promise<LoadedConfig> {
  const read = await configReader(command);
  return read();
}

/** Right or not. @throws SetupError */
export async function configReadingOf(command: Command): Promise<ConfigReading> {
  const { readWithPlugins } = await import("../plugin/configured.js");
  return readWithPlugins(sourcesOf(command));
}

/** For commands on accounts, which no plugin should keep from their work. @throws ConfigError, SetupError */
export async function configOf(command: Command): Promise<LoadedConfig> {
  const { loadConfig } = await import("../config/loader.js");
  return loadConfig(sourcesOf(command));
}

/** The same options, for another `sluice` command. */
export function sourceArguments(command: Command): string[] {
  const { config, set = [] } = command.optsWithGlobals<CommonOptions>();
  const settings = set.flatMap((one) => ["--set", one]);
  return config === undefined ? settings : ["--config", config, ...settings];
}

function sourcesOf(command: Command): ConfigSources {
  const { config, set } = command.optsWithGlobals<CommonOptions>();
  return { file: config, set, env: process.env };
}
