import { MemoryAdapter } from "../../src/cluster/adapters/memory.js";
import { MemoryBus } from "../../src/cluster/adapters/memory-bus.js";
import { clusterScriptsSuite } from "./scripts.suite.js";

for (const nodes of [2, 3]) {
  describe(`Scripted conversations on ${nodes} nodes, in memory`, () => {
    const buses = new Map<string, MemoryBus>();
    clusterScriptsSuite(nodes, async () => ({
      make(deployment) {
        const bus = buses.get(deployment) ?? new MemoryBus();
        buses.set(deployment, bus);
        return new MemoryAdapter(bus);
      },
    }));
  });
}
