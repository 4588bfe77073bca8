import type { Cluster } from "../cluster/cluster.js";
import { AdminError } from "./admin-error.js";
import type { Commands } from "./commands.js";

/** ms for another node to answer an echo: an admin waits for it. */
const ECHO = 3000;

export type OwnStatus = Omit<ReturnType<Cluster["status"]>, "nodes">;

/** Another node, as this one sees it. */
export interface NodeStatus {
  node: string;
  sessions: number;
  /** ms since it was last heard. */
  silent: number;
  /** Items that wait for it. */
  queued: number;
  reachable: boolean;
  /** ms to there and back; null: nothing came back in time. */
  roundTrip: number | null;
  /** Whether it knows the same sessions as this node; null: not asked, or no answer. */
  same: boolean | null;
}

export interface ClusterStatus extends OwnStatus {
  nodes: NodeStatus[];
}

/** A session, as one node knows it. */
export interface SessionStatus {
  /** Full JID. */
  session: string;
  node: string;
  /** ISO 8601 */
  since: string;
  /** It has sent presence. */
  available: boolean;
}

/** `sluice cluster …` */
export function clusterCommands(cluster: Cluster | undefined): Commands {
  return {
    /** Sorted by address, `limit` at most. */
    "cluster sessions": async ({ limit }): Promise<SessionStatus[]> => {
      const known = [...clusterOf(cluster).sessions()].map(({ jid, node, boundAt, presence }) => ({
        session: jid.text,
        node,
        since: new Date(boundAt).toISOString(),
        available: presence !== undefined,
      }));
      return known.sort((a, b) => (a.session < b.session ? -1 : 1)).slice(0, Number(limit));
    },
    /** `compare`: each node looks at all sessions. */
    "cluster status": async ({ compare = false }): Promise<ClusterStatus> => {
      const own = clusterOf(cluster);
      const { nodes, ...status } = own.status();
      const asked = nodes.map(async (one) => {
        const roundTrip = one.reachable ? await echo(own, one.node) : null;
        const digest = compare && roundTrip !== null ? await digestOf(own, one.node) : null;
        return { one, roundTrip, digest };
      });
      const answers = await Promise.all(asked);
      const ownDigest = compare ? own.digest() : null;
      return {
        ...status,
        nodes: answers.map(({ one, roundTrip, digest }) => ({
          ...one,
          roundTrip,
          same: digest === null ? null : digest === ownDigest,
        })),
      };
    },
  };
}

/** @throws AdminError on a server that is alone. */
export function clusterOf(cluster: Cluster | undefined): Cluster {
  if (cluster) return cluster;
  throw new AdminError("This server is not in a cluster: cluster.adapter in its configuration is memory.");
}

async function digestOf(cluster: Cluster, node: string): Promise<unknown> {
  try {
    return await cluster.ask(node, "digest", null);
  } catch {
    return null;
  }
}

async function echo(cluster: Cluster, node: string): Promise<number | null> {
  try {
    return await cluster.echo(node, ECHO);
  } catch {
    // That it does not answer is what is told.
    return null;
  }
}
