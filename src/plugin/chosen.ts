import type { Config } from "../config/schema.js";
import { builtIn } from "../im/index.js";
import type { AnyPlugin } from "./host.js";

/** Every plugin that the configuration names, for any domain. */
export function pluginNames({ plugins, domains }: Config): Set<string> {
  const maps = [plugins, ...Object.values(domains).map((domain) => domain.plugins)];
  return new Set(maps.flatMap((map) => Object.keys(map)));
}

export interface Chosen {
  plugin: AnyPlugin;
  options: unknown;
}

/** What runs on one domain: the built-in features with their sections of the configuration, then the plugins chosen. */
export function chosenFor(
  config: Config,
  plugins: ReadonlyMap<string, AnyPlugin>,
  options: ReadonlyMap<string, unknown>,
): Chosen[] {
  const sections: Record<string, unknown> = {
    roster: config.roster,
    subscriptions: config.roster,
    presence: config.presence,
  };
  return [
    ...builtIn.map((plugin) => ({ plugin, options: sections[plugin.name] ?? {} })),
    ...[...options].map(([name, given]) => ({ plugin: plugins.get(name) as AnyPlugin, options: given })),
  ];
}
