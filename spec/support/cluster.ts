import type { ClusterAdapter } from "../../src/cluster/adapter.js";
import { openTransport, type TransportName } from "../../src/script/open.js";
import type { ScriptTarget } from "../../src/script/target.js";
import { type Overrides, startTestServer, type TestServer } from "./server.js";

/** Several nodes in this process that share a database. */
export class TestCluster {
  private constructor(readonly nodes: readonly TestServer[]) {}

  /** @param url of an empty database. */
  static async start(
    count: number,
    url: string,
    makeAdapter: () => ClusterAdapter,
    overrides: Overrides = {},
  ): Promise<TestCluster> {
    const client = url.startsWith("mysql") ? "mysql" : "postgres";
    const storage = { client, url, pool: { min: 0, max: 4 } };
    const nodes: TestServer[] = [];
    for (let i = 0; i < count; i++) {
      nodes.push(await startTestServer({ ...overrides, storage }, makeAdapter()));
    }
    return new TestCluster(nodes);
  }

  /** The clients of a script are spread over the nodes in turn. */
  target(transport: TransportName = "tcp"): ScriptTarget {
    const { nodes } = this;
    return {
      domain: nodes[0].domain,
      createAccount: (jid, password) => nodes[0].createAccount(jid, password),
      open: (client) => openTransport(client.transport ?? transport, nodes[client.index % nodes.length]),
      settled: () => this.settled(),
    };
  }

  /** What was said so far has taken effect on all nodes, and what that caused on others too. */
  async settled(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        this.nodes.map(async ({ server: { cluster } }) => {
          const others = (cluster?.alive ?? []).filter((node) => node !== cluster?.self);
          await Promise.all(others.map((node) => cluster?.echo(node)));
        }),
      );
    }
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await node.stop();
  }
}
