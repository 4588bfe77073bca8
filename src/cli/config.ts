import type { Command } from "commander";
import type { LoadedConfig } from "../config/loader.js";

interface CommonOptions {
  config?: string;
  set?: string[];
}

/** Reads the configuration that the options of a command name, anew at each call. */
export type ReadConfig = () => LoadedConfig;

/** What reads the configuration is loaded here, so that `--help` need not wait for it. */
export async function configReader(command: Command): Promise<ReadConfig> {
  const { loadConfig } = await import("../config/loader.js");
  const { config, set } = command.optsWithGlobals<CommonOptions>();
  return () => loadConfig({ file: config, set, env: process.env });
}

/** @throws ConfigError, SetupError */
export async function configOf(command: Command): Promise<LoadedConfig> {
  const read = await configReader(command);
  return read();
}
