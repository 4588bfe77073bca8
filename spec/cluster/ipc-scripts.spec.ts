import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adapter } from "../../src/cluster/adapters/ipc.js";
import { silentLog } from "../support/silent-log.js";
import { clusterScriptsSuite } from "./scripts.suite.js";

for (const nodes of [2, 3]) {
  describe(`Scripted conversations on ${nodes} nodes, over the sockets of one machine`, () => {
    let root: string;
    clusterScriptsSuite(nodes, async () => {
      root = await mkdtemp(join(tmpdir(), "ipc-"));
      return {
        make: (deployment) =>
          adapter.create(adapter.options.parse({ folder: join(root, deployment) }), silentLog),
      };
    });
    // After the suite's own, which stops the nodes.
    after(() => rm(root, { recursive: true, force: true }));
  });
}
