import type { LoadedConfig } from "../config/loader.js";
import { hookPoints } from "../hooks.js";
import { withThrowawayServer } from "./throwaway.js";

/** Prints every hook point of every domain with who runs there, in order. */
export async function listHooks(loaded: LoadedConfig): Promise<void> {
  await withThrowawayServer(loaded, [], {}, async ({ domains }) => {
    for (const domain of domains.values()) {
      console.log(`${domain.name}`);
      const registered = domain.hooks.list();
      const points = new Set<string>([...hookPoints, ...registered.map(({ point }) => point)]);
      for (const point of points) {
        const there = registered.filter((one) => one.point === point);
        const owners = there.map(({ owner, priority }) => `${owner} (${priority})`).join(", ");
        console.log(`  ${point.padEnd(24)}${owners || "-"}`);
      }
    }
  });
}
