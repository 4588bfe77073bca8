/** All scripted conversations with their clients spread over the nodes of a cluster. */
import { readdirSync, readFileSync } from "node:fs";
import type { ClusterAdapter } from "../../src/cluster/adapter.js";
import { parseScript } from "../../src/script/parser.js";
import { playScript } from "../../src/script/runner.js";
import { TestCluster } from "../support/cluster.js";
import { emptyDatabase } from "../support/databases.js";
import type { Overrides } from "../support/server.js";

const folder = new URL("../../../spec/scripts/", import.meta.url);
/** ms to wait for anything: there are brokers in between. */
const DEADLINE = 15_000;

/** What a cluster test needs of an adapter. */
export interface ClusterKit {
  /** For a node of this deployment. */
  make(deployment: string): ClusterAdapter;
}

/** To be called in a describe. `open` is called once, before the first script. */
export function clusterScriptsSuite(
  nodes: number,
  open: (context: Mocha.Context) => Promise<ClusterKit>,
): void {
  let kit: ClusterKit;
  let shared: TestCluster;
  let count = 0;

  async function startCluster(context: Mocha.Context, overrides: Overrides = {}): Promise<TestCluster> {
    const url = await emptyDatabase(context, "postgres");
    count += 1;
    const deployment = `scripts-${nodes}-${count}-${process.pid}`;
    return TestCluster.start(nodes, url, () => kit.make(deployment), overrides);
  }

  before(async function () {
    kit = await open(this);
    shared = await startCluster(this);
  });
  after(() => shared?.stop());

  const scripts = readdirSync(folder)
    .filter((file) => file.endsWith(".scs"))
    .sort()
    .map((file) => parseScript(readFileSync(new URL(file, folder), "utf8"), `spec/scripts/${file}`));

  for (const script of scripts) {
    // Of one client nothing goes to another node.
    if (script.clients.length < 2) continue;
    it(`${script.file.slice("spec/scripts/".length)}: ${script.title.split("\n")[0]}`, async function () {
      this.timeout(60_000);
      const own =
        script.server === undefined ? undefined : await startCluster(this, script.server as Overrides);
      try {
        await playScript(script, (own ?? shared).target(), { deadline: DEADLINE });
      } finally {
        await own?.stop();
      }
    });
  }
}
