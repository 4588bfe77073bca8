import { readdir } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { SetupError } from "../config/setup-error.js";
import type { Logger } from "../log.js";
import type { Domain } from "../router/domain.js";
import type { Plugin } from "./api.js";
import { type ContextParts, DomainContext } from "./context.js";

/** The plugins that come with Sluice. */
const SHIPPED = fileURLToPath(new URL("../../plugins/", import.meta.url));

/** Any plugin, whatever its options. */
// biome-ignore lint/suspicious/noExplicitAny: options were validated against the plugin's own schema before it sees them
export type AnyPlugin = Plugin<any>;

export interface LoadedPlugins {
  /** By the name under which the configuration has them. */
  plugins: ReadonlyMap<string, AnyPlugin>;
  /** Those that are named and cannot be had: what was expected. */
  unloadable: ReadonlyMap<string, string>;
}

/**
 * Loads the shipped plugins, and those named by path (with a slash or dot) or package.
 * @param named names from the configuration; a plain word that no shipped plugin has is in neither map
 */
export async function loadPlugins(named: Iterable<string>): Promise<LoadedPlugins> {
  const plugins = new Map<string, AnyPlugin>();
  const unloadable = new Map<string, string>();
  for (const file of (await readdir(SHIPPED)).sort()) {
    if (/^[a-z0-9-]+\.js$/.test(file))
      plugins.set(file.slice(0, -3), await importPlugin(`${SHIPPED}${file}`));
  }
  for (const name of named) {
    if (plugins.has(name) || !/[./]/.test(name)) continue;
    try {
      plugins.set(name, await importPlugin(locate(name)));
    } catch (error) {
      unloadable.set(name, oneLine((error as Error).message));
    }
  }
  return { plugins, unloadable };
}

/** What options each plugin takes, for the configuration to be checked against. */
export function schemasOf(plugins: ReadonlyMap<string, AnyPlugin>): Record<string, AnyPlugin["options"]> {
  return Object.fromEntries([...plugins].map(([name, plugin]) => [name, plugin.options]));
}

function locate(name: string): string {
  return isAbsolute(name) || name.startsWith(".") ? resolve(name) : name;
}

async function importPlugin(where: string): Promise<AnyPlugin> {
  let module: { default?: AnyPlugin };
  try {
    module = await import(isAbsolute(where) ? pathToFileURL(where).href : where);
  } catch (error) {
    throw new Error(`expected a plugin that can be loaded: ${reasonOf(error)}`);
  }
  if (typeof module.default?.setup === "function") return module.default;
  throw new Error("expected a module whose default export is made by definePlugin()");
}

/** The module itself may throw anything. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ");
}

interface Running {
  plugin: AnyPlugin;
  options: unknown;
  context: DomainContext;
}

/** The plugins of one domain: set up in the order they require each other, undone in reverse. */
export class PluginHost {
  readonly #running: Running[] = [];

  constructor(
    private readonly domain: Domain,
    private readonly parts: ContextParts,
    private readonly log: Logger,
  ) {}

  /** @throws SetupError when a plugin cannot be set up. */
  async start(plugins: readonly { plugin: AnyPlugin; options: unknown }[]): Promise<void> {
    for (const { plugin, options } of inOrder(plugins)) await this.#setUp(plugin, options);
  }

  /** Undoes one plugin and sets it up again: what it registered goes and comes, nothing else is touched. */
  async reload(name: string): Promise<void> {
    const at = this.#running.findIndex(({ plugin }) => plugin.name === name);
    if (at < 0) throw new Error(`the plugin ${name} is not running on ${this.domain.name}`);
    const [{ plugin, options, context }] = this.#running.splice(at, 1);
    await this.#undo(context);
    await this.#setUp(plugin, options);
  }

  async stop(): Promise<void> {
    for (const { context } of this.#running.splice(0).reverse()) await this.#undo(context);
  }

  async #undo(context: DomainContext): Promise<void> {
    try {
      await context.undo();
    } catch (error) {
      this.log.error({ err: error, plugin: context.name }, "a plugin could not be stopped cleanly");
    }
  }

  async #setUp(plugin: AnyPlugin, options: unknown): Promise<void> {
    const context = new DomainContext(plugin.name, this.domain, this.parts);
    try {
      await plugin.setup(context, options);
    } catch (error) {
      await this.#undo(context);
      throw new SetupError(`The plugin ${plugin.name} cannot be set up: ${(error as Error).message}.`);
    }
    this.#running.push({ plugin, options, context });
  }
}

function inOrder<T extends { plugin: AnyPlugin }>(all: readonly T[]): T[] {
  const byName = new Map(all.map((one) => [one.plugin.name, one]));
  const ordered = new Set<T>();
  const visit = (one: T, path: string[]): void => {
    const { name, requires = [] } = one.plugin;
    if (path.includes(name))
      throw new SetupError(`The plugins ${[...path, name].join(" → ")} require each other in a circle.`);
    for (const required of requires) {
      const other = byName.get(required);
      if (!other)
        throw new SetupError(
          `The plugin ${name} requires the plugin ${required}; switch it on under plugins.`,
        );
      visit(other, [...path, name]);
    }
    ordered.add(one);
  };
  for (const one of all) visit(one, []);
  return [...ordered];
}
