import type { ClusterProcess } from "./cluster-process.js";
import type { Disturbance } from "./run.js";

/** What carries messages between the nodes, and how it fails. */
export interface BrokerFaults {
  /** kill -9, and up again. */
  restart(): Promise<void>;
  /** Nobody reaches it for a while. */
  cut(ms: number): Promise<void>;
}

/** ms between two events. */
const PEACE = { least: 400, most: 1500 };
/** ms that the broker cannot be reached. */
const CUT = { least: 500, most: 3000 };

type Kind = "kill" | "stand still" | "broker restarts" | "broker cut" | "poison" | "two at once";
const ALL: Kind[] = ["kill", "kill", "stand still", "broker restarts", "broker cut", "poison", "two at once"];
/** Those of one run may be chosen: FAULT_KINDS="kill,stand still". The short form has nodes killed and poisoned. */
const CHOSEN = process.env.FAULT_KINDS?.split(",").map((name) => {
  const kind = ALL.find((one) => one === name);
  if (kind === undefined) throw new Error(`FAULT_KINDS: ${name} is none of ${[...new Set(ALL)].join(", ")}`);
  return kind;
});
/** With few events these happen in turn. */
const SHORT: Kind[] = ["poison", "kill"];

/**
 * So many things happen to a cluster, chosen at random; each is told to `note`.
 * @param poison gives a node what it cannot read
 */
export function clusterEvents(
  cluster: ClusterProcess,
  broker: BrokerFaults,
  poison: (random: () => number) => Promise<void>,
  count: number,
  deadAfter: number,
  note: (what: string) => void,
): Disturbance {
  return async (_senders, random) => {
    const between = ({ least, most }: { least: number; most: number }) => least + random() * (most - least);
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    const busy = new Set<number>();

    function kindOf(event: number): Kind {
      if (CHOSEN === undefined && process.env.FAULT_EVENTS === undefined) return SHORT[event % SHORT.length];
      const kinds = CHOSEN ?? ALL;
      return kinds[Math.floor(random() * kinds.length)];
    }

    async function happen(kind: Kind): Promise<void> {
      note(kind);
      if (kind === "two at once") {
        const [one, other] = [pick(), pick()];
        await Promise.all([happen(one), happen(one === other ? "kill" : other)]);
      } else if (kind === "broker restarts") await broker.restart();
      else if (kind === "broker cut") await broker.cut(between(CUT));
      else if (kind === "poison") await poison(random);
      else await strike(kind);
    }

    function pick(): Kind {
      const kinds = (CHOSEN ?? ALL).filter((kind) => kind !== "two at once");
      return kinds[Math.floor(random() * kinds.length)];
    }

    /** A node that nothing happens to at the moment. */
    async function strike(kind: Kind): Promise<void> {
      const free = cluster.nodes.map((_, i) => i).filter((i) => !busy.has(i));
      const index = free[Math.floor(random() * free.length)];
      busy.add(index);
      const node = cluster.nodes[index];
      if (kind === "kill") {
        await node.end("SIGKILL");
        await node.start();
      } else {
        await node.standStill(1.5 * deadAfter);
      }
      busy.delete(index);
    }

    for (let event = 0; event < count; event++) {
      await pause(between(PEACE));
      await happen(kindOf(event));
    }
  };
}
