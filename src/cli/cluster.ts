/** What `sluice cluster` and `sluice drain` do. */
import type { ClusterStatus, NodeStatus, SessionStatus } from "../admin/cluster-commands.js";
import { isServed } from "../admin/control.js";
import type { DrainBegun } from "../admin/drain-commands.js";
import type { Config } from "../config/schema.js";
import { SetupError } from "../config/setup-error.js";
import { formatDuration } from "../config/units.js";
import { askRunning } from "./ask.js";
import { columns } from "./columns.js";

/** ms between two looks at whether the server has stopped. */
const LOOK = 200;
/** ms that a server may take to stop when its sessions have been handed over. */
const STOPPING = 120_000;

/** @throws AdminError, SetupError */
export async function showStatus(
  config: Config,
  { json = false, compare = false }: { json?: boolean; compare?: boolean },
): Promise<void> {
  const status = (await askRunning(config, { command: "cluster status", compare })) as ClusterStatus;
  console.log(json ? JSON.stringify(status, undefined, 2) : describe(status));
}

function describe({ node, sessions, adapter, nodes }: ClusterStatus): string {
  const broker = adapter === "up" ? "can be reached" : "cannot be reached; messages for other nodes wait";
  const own = [`This node is ${node}, with ${plural(sessions, "session")}.`, `The broker ${broker}.`];
  if (nodes.length === 0) return [...own, "There is no other node."].join("\n");
  const titles = ["NODE", "SESSIONS", "SILENT", "QUEUED", "REACHABLE", "THERE AND BACK"];
  const compared = nodes.some(({ same }) => same !== null);
  if (compared) titles.push("SAME TABLE");
  return [...own, "", columns([titles, ...nodes.map((one) => cells(one, compared))])].join("\n");
}

function cells(status: NodeStatus, compared: boolean): string[] {
  const { node, sessions, silent, queued, reachable, roundTrip, same } = status;
  const echo = roundTrip === null ? "no answer" : `${roundTrip.toFixed(1)} ms`;
  const row = [node, String(sessions), `${silent} ms`, String(queued), yesOrNo(reachable), echo];
  return compared ? [...row, same === null ? "no answer" : yesOrNo(same)] : row;
}

const yesOrNo = (is: boolean) => (is ? "yes" : "no");

/** @throws AdminError, SetupError */
export async function showSessions(
  config: Config,
  options: { limit: number; json?: boolean },
): Promise<void> {
  const { limit, json = false } = options;
  const known = (await askRunning(config, { command: "cluster sessions", limit })) as SessionStatus[];
  const rows = known.map(({ session, node, since, available }) => [session, node, since, yesOrNo(available)]);
  if (json) console.log(JSON.stringify(known, undefined, 2));
  else if (rows.length === 0) console.log("There are no sessions.");
  else console.log(columns([["SESSION", "NODE", "SINCE", "AVAILABLE"], ...rows]));
}

/**
 * Resolves when the server has stopped.
 * @param options time: ms
 * @throws AdminError, SetupError
 */
export async function drain(config: Config, options: { time?: number }): Promise<void> {
  const begun = await askRunning(config, { command: "drain", time: options.time });
  const { sessions, time } = begun as DrainBegun;
  console.log(`Handing over ${plural(sessions, "session")}, for ${formatDuration(time)} at most.`);
  const deadline = performance.now() + time + STOPPING;
  while (await isServed(config.data)) {
    if (performance.now() > deadline) throw new SetupError("The server does not stop; see its log.");
    await new Promise((resolve) => setTimeout(resolve, LOOK));
  }
  console.log("The server has stopped.");
}

function plural(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
