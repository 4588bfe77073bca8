import type { LoadedConfig } from "../config/loader.js";
import { validatePlugins } from "../config/plugin-options.js";
import { pluginNames } from "../plugin/chosen.js";
import { loadPlugins, schemasOf } from "../plugin/host.js";

/** Says that the configuration is right; what is wrong is thrown. @throws ConfigError, SetupError */
export async function checkConfig(loaded: LoadedConfig): Promise<void> {
  validatePlugins(loaded, schemasOf(await loadPlugins(pluginNames(loaded.config))));
  for (const warning of loaded.warnings) console.error(warning);
  console.log(`${loaded.file ?? "The default configuration"} is right.`);
}
