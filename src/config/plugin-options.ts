import * as z from "zod";
import { explain } from "./issues.js";
import type { LoadedConfig } from "./loader.js";
import { ConfigError, type Mistake, placeMistakes } from "./problem.js";
import type { PluginSetting, PluginSettings } from "./schema.js";
import { closest } from "./suggest.js";

/** Options as a plugin declares them; undefined: it takes none. */
export type PluginSchemas = Readonly<Record<string, z.ZodType | undefined>>;

/** Domain → plugin → its options, for every plugin that is on. */
export type PluginOptions = Map<string, Map<string, unknown>>;

interface Setting {
  domain: string;
  plugin: string;
  shared: PluginSetting | undefined;
  own: PluginSetting | undefined;
}

const NO_OPTIONS = z.strictObject({});

/** What of a configuration the check of plugins needs. */
export interface PluginsWritten {
  config: PluginSettings;
  written: unknown;
}

/** Plugins that could not be loaded, by the name under which the configuration has them, with the reason. */
export type Unloadable = ReadonlyMap<string, string>;

/**
 * The second phase of loading, once it is known which plugins there are: checks the options of each plugin for each
 * domain. A domain's own options are laid over those of all domains, key by key.
 * @param schemas every plugin there is, by name
 * @throws ConfigError with every mistake
 */
export function validatePlugins(
  loaded: LoadedConfig,
  schemas: PluginSchemas,
  unloadable: Unloadable = new Map(),
): PluginOptions {
  const { options, mistakes } = readPluginOptions(loaded, schemas, unloadable);
  if (mistakes.length > 0) throw new ConfigError(placeMistakes(mistakes, loaded.locate));
  return options;
}

/** As `validatePlugins`, for whoever has other mistakes to tell too. */
export function readPluginOptions(
  { config, written }: PluginsWritten,
  schemas: PluginSchemas,
  unloadable: Unloadable,
): { options: PluginOptions; mistakes: Mistake[] } {
  const mistakes = missingPlugins(config, written, schemas, unloadable);
  const result: PluginOptions = new Map();
  for (const domain of Object.keys(config.domains)) {
    const options = new Map<string, unknown>();
    for (const setting of settings(config, domain)) {
      if (isOff(setting) || !Object.hasOwn(schemas, setting.plugin)) continue;
      const parsed = parse(setting, schemas[setting.plugin] ?? NO_OPTIONS);
      if (parsed.mistakes) mistakes.push(...parsed.mistakes);
      else options.set(setting.plugin, parsed.options);
    }
    result.set(domain, options);
  }
  return { options: result, mistakes };
}

function settings({ plugins, domains }: PluginSettings, domain: string): Setting[] {
  const own = domains[domain].plugins;
  const names = new Set([...Object.keys(plugins), ...Object.keys(own)]);
  return [...names].map((plugin) => ({ domain, plugin, shared: plugins[plugin], own: own[plugin] }));
}

function isOff({ shared, own }: Setting): boolean {
  return (own ?? shared ?? false) === false;
}

function parse(setting: Setting, schema: z.ZodType): { options?: unknown; mistakes?: Mistake[] } {
  const { domain, plugin, shared, own } = setting;
  const merged = { ...(shared || {}), ...(own || {}) };
  const result = schema.safeParse(merged);
  if (result.success) return { options: result.data };
  const mistakes = explain(result.error.issues, schema, merged).map(({ path, message }) => {
    const isOwn = own && (path.length === 0 || Object.hasOwn(own, path[0]));
    return { path: [...(isOwn ? ["domains", domain] : []), "plugins", plugin, ...path], message };
  });
  return { mistakes };
}

/** Only what the admin wrote: a default that this build lacks is not the admin's mistake. */
function missingPlugins(
  config: PluginSettings,
  written: unknown,
  schemas: PluginSchemas,
  unloadable: Unloadable,
): Mistake[] {
  const known = Object.keys(schemas);
  const maps: PropertyKey[][] = [
    ["plugins"],
    ...Object.keys(config.domains).map((name) => ["domains", name, "plugins"]),
  ];
  return maps.flatMap((path) => {
    const names = Object.keys(Object(path.reduce((value, part) => Object(value)[part], written)));
    const missing = names.filter((name) => !Object.hasOwn(schemas, name));
    return missing.map((name) => ({
      path: [...path, name],
      message: unloadable.get(name) ?? noSuchPlugin(closest(name, known)),
    }));
  });
}

function noSuchPlugin(guess: string | undefined): string {
  return `there is no such plugin${guess === undefined ? "" : `, did you mean ${guess}?`}`;
}
