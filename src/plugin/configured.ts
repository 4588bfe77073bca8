/** The configuration together with the plugins that it names: whatever is wrong with either is told at once. */
import {
  type ConfigReading,
  type ConfigSources,
  type LoadedConfig,
  readConfig,
  requireRight,
} from "../config/loader.js";
import { readPluginOptions } from "../config/plugin-options.js";
import { formatProblem, placeMistakes } from "../config/problem.js";
import { readPluginSettings } from "../config/schema.js";
import { missingRequirements, pluginNames } from "./chosen.js";
import { loadPlugins, schemasOf } from "./host.js";

/**
 * Reads and checks the whole configuration, and loads the plugins it names.
 * @throws ConfigError with every mistake, SetupError if the file cannot be read
 */
export async function loadWithPlugins(sources: ConfigSources): Promise<LoadedConfig> {
  return requireRight(await readWithPlugins(sources));
}

/** @throws SetupError if the file cannot be read */
export async function readWithPlugins(sources: ConfigSources): Promise<ConfigReading> {
  const reading = readConfig(sources);
  const config = reading.config ?? readPluginSettings(reading.written);
  const { plugins, unloadable } = await loadPlugins(pluginNames(config));
  const { options, mistakes } = readPluginOptions({ ...reading, config }, schemasOf(plugins), unloadable);
  // What stands in the way of a plugin is not told again of those that require it.
  if (mistakes.length === 0) mistakes.push(...missingRequirements(options, plugins, config));
  const problems = [...reading.problems, ...placeMistakes(mistakes, reading.locate)];
  // Problems without a line are those of the command line and the environment.
  const inOrder = problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return { ...reading, problems: [...new Map(inOrder.map((one) => [formatProblem(one), one])).values()] };
}
