import type { PluginOptions } from "../config/plugin-options.js";
import type { Mistake } from "../config/problem.js";
import type { Config, PluginSettings } from "../config/schema.js";
import { builtIn } from "../im/index.js";
import type { AnyPlugin } from "./host.js";

/** Every plugin that the configuration names, for any domain. */
export function pluginNames({ plugins, domains }: PluginSettings): Set<string> {
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

/** Plugins that are on where one is off that they require. */
export function missingRequirements(
  options: PluginOptions,
  plugins: ReadonlyMap<string, AnyPlugin>,
  settings: PluginSettings,
): Mistake[] {
  return [...options].flatMap(([domain, chosen]) => {
    const running = [...chosen.keys()].map((key) => ({ key, plugin: plugins.get(key) as AnyPlugin }));
    const there = new Set([...builtIn, ...running.map(({ plugin }) => plugin)].map(({ name }) => name));
    return running.flatMap(({ key, plugin }) => {
      const isOwn = settings.domains[domain].plugins[key] !== undefined;
      const path = [...(isOwn ? ["domains", domain] : []), "plugins", key];
      const missing = (plugin.requires ?? []).filter((required) => !there.has(required));
      return missing.map((required) => ({
        path,
        message: `expected the plugin ${required} to be on for ${domain} too, which this one requires`,
      }));
    });
  });
}
