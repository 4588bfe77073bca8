import type { ClusterAdapter } from "../../src/cluster/adapter.js";
import { openTransport, type TransportName } from "../../src/script/open.js";
import type { ScriptTarget } from "../../src/script/target.js";
import { type Overrides, startTestServer, type TestServer } from "./server.js";

/** Several nodes in this process that share a database. */
export class TestCluster {
  readonly #left = new Set<TestServer>();

  private constructor(
    readonly nodes: TestServer[],
    private readonly startNode: () => Promise<TestServer>,
  ) {}

  /** @param url of an empty database. */
  static async start(
    count: number,
    url: string,
    makeAdapter: () => ClusterAdapter,
    overrides: Overrides = {},
  ): Promise<TestCluster> {
    const client = url.startsWith("mysql") ? "mysql" : "postgres";
    const storage = { client, url, pool: { min: 0, max: 4 } };
    const cluster = new TestCluster([], () => startTestServer({ ...overrides, storage }, makeAdapter()));
    for (let i = 0; i < count; i++) await cluster.join();
    return cluster;
  }

  /** @returns the number of a further node */
  async join(): Promise<number> {
    return this.nodes.push(await this.startNode()) - 1;
  }

  async leave(node: number): Promise<void> {
    this.#left.add(this.nodes[node]);
    await this.nodes[node].stop();
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
        this.#present().map(async ({ server: { cluster } }) => {
          const others = (cluster?.alive ?? []).filter((node) => node !== cluster?.self);
          await Promise.all(others.map((node) => cluster?.echo(node)));
        }),
      );
    }
  }

  #present(): TestServer[] {
    return this.nodes.filter((node) => !this.#left.has(node));
  }

  async stop(): Promise<void> {
    for (const node of this.#present()) await node.stop();
  }
}
