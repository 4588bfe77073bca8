import { createServer } from "node:net";
import type { ClusterStatus, SessionStatus } from "../../src/admin/cluster-commands.js";
import { askServer } from "../../src/admin/control.js";
import { ServerProcess } from "./process.js";
import type { FaultTarget } from "./run.js";

/** Several node processes that are one service; whoever comes gets to any of them. */
export class ClusterProcess implements FaultTarget {
  private constructor(
    readonly nodes: readonly ServerProcess[],
    private readonly random: () => number,
  ) {}

  /** @param cluster the section of that name. */
  static async create(
    count: number,
    url: string,
    cluster: Record<string, unknown>,
    random: () => number,
  ): Promise<ClusterProcess> {
    const nodes: ServerProcess[] = [];
    for (let i = 0; i < count; i++) {
      const storage = { client: "postgres", url, pool: { min: 0, max: 4 } };
      // A node that comes back is found where it was.
      const listen = [{ type: "c2s", port: await freePort() }];
      nodes.push(await ServerProcess.create(storage, undefined, { cluster, listen }));
    }
    return new ClusterProcess(nodes, random);
  }

  /** `session node` for each session that each node knows. */
  async sessions(): Promise<string[][]> {
    const request = { command: "cluster sessions", limit: 1000 };
    const known = this.nodes.map(({ data }) => askServer(data, request) as Promise<SessionStatus[]>);
    return (await Promise.all(known)).map((rows) => rows.map(({ session, node }) => `${session} ${node}`));
  }

  addAccounts(names: readonly string[], password: string): Promise<void> {
    return this.nodes[0].addAccounts(names, password);
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  get port(): number | undefined {
    return this.nodes.find(({ port }) => port !== undefined)?.port;
  }

  up(): Promise<number> {
    const there = this.nodes.filter(({ port }) => port !== undefined);
    const choice = there.length > 0 ? there : this.nodes;
    return choice[Math.floor(this.random() * choice.length)].up();
  }

  /** What each node says of the cluster, and of whether the others know the same sessions. */
  statuses(): Promise<ClusterStatus[]> {
    const request = { command: "cluster status", compare: true };
    return Promise.all(this.nodes.map(({ data }) => askServer(data, request) as Promise<ClusterStatus>));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end("SIGTERM")));
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
