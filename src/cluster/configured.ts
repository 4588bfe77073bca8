import { explain } from "../config/issues.js";
import type { LoadedConfig } from "../config/loader.js";
import { ConfigError, type Mistake, placeMistakes } from "../config/problem.js";
import type { Logger } from "../log.js";
import type { ClusterAdapter } from "./adapter.js";
import { loadAdapter } from "./load-adapter.js";

/**
 * The adapter that the configuration names, with its options.
 * @returns undefined for a server that is alone
 * @throws ConfigError
 */
export async function configuredAdapter(
  loaded: LoadedConfig,
  log: Logger,
): Promise<ClusterAdapter | undefined> {
  const { adapter: name, options } = loaded.config.cluster;
  if (name === "memory") return undefined;
  const wrong = (mistakes: Mistake[]) => new ConfigError(placeMistakes(mistakes, loaded.locate));
  const module = await loadAdapter(name).catch((error: Error) => {
    throw wrong([{ path: ["cluster", "adapter"], message: error.message }]);
  });
  const read = module.options.safeParse(options);
  if (read.success) return module.create(read.data, log);
  throw wrong(
    explain(read.error.issues, module.options, options).map(({ path, message }) => ({
      path: ["cluster", "options", ...path],
      message,
    })),
  );
}
