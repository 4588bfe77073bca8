import { isAbsolute, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AdapterModule } from "./adapter.js";

/** Those that come with Sluice; each brings its library along, so it is loaded only where it is named. */
const SHIPPED = new Set(["ipc", "rabbitmq", "kafka"]);

/**
 * @param name of a shipped adapter, a path (with a slash or dot), or a package
 * @throws Error what was expected, in one sentence
 */
export async function loadAdapter(name: string): Promise<AdapterModule> {
  let module: { adapter?: AdapterModule };
  try {
    module = (await import(placeOf(name))) as { adapter?: AdapterModule };
  } catch (error) {
    const [reason] = (error as Error).message.split("\n");
    throw new Error(`expected ipc, rabbitmq, kafka, or a package that can be loaded: ${reason}`);
  }
  if (typeof module.adapter?.create !== "function") {
    throw new Error(`expected a package that exports an adapter: ${name} does not (docs/adapters.md)`);
  }
  return module.adapter;
}

function placeOf(name: string): string {
  if (SHIPPED.has(name)) return `./adapters/${name}.js`;
  return name.startsWith(".") || isAbsolute(name) ? pathToFileURL(resolve(name)).href : name;
}
