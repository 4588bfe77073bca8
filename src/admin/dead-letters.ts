/** Dead letters for admins: what kind of thing they are and why they are dead, and their content only where it is asked for. */
import type { DeadLetter } from "../cluster/adapter.js";
import type { Cluster } from "../cluster/cluster.js";
import { decode, type Item } from "../cluster/envelope.js";
import { AdminError } from "./admin-error.js";
import { clusterOf } from "./cluster-commands.js";
import type { Commands } from "./commands.js";
import type { ControlRequest } from "./control.js";

/** Letters that are looked through for an id; adapters keep fewer. */
const ALL = 100_000;

/** What still means the same later: the rest tells of sessions as they were, or answers what nobody asks any more. */
const REPLAYABLE: ReadonlySet<Item[0]> = new Set(["stanza", "stored", "look", "iq", "news", "forget"]);

/** One line of the list. */
export interface LetterSummary {
  id: string;
  /** ISO 8601 */
  at: string;
  from: string;
  to: string;
  /** Of the items in it, each once; empty: it cannot be read. */
  kinds: string[];
  reason: string;
  /** Bytes. */
  size: number;
}

export interface LetterShown extends LetterSummary {
  /** As text. */
  body?: string;
}

/** `sluice dead-letters …` */
export function deadLetterCommands(cluster: Cluster | undefined): Commands {
  return {
    "dead-letters list": async ({ limit }): Promise<LetterSummary[]> => {
      const letters = await reachable(cluster).deadLetters(Number(limit));
      return letters.map(summaryOf);
    },
    "dead-letters show": async (request): Promise<LetterShown> => {
      const letter = await find(reachable(cluster), request);
      const body = request.body === true ? { body: Buffer.from(letter.body).toString() } : {};
      return { ...summaryOf(letter), ...body };
    },
    "dead-letters replay": (request) => replay(reachable(cluster), request),
    "dead-letters drop": async ({ id }) => {
      if (!(await reachable(cluster).dropDeadLetter(String(id)))) throw noSuchLetter(id);
    },
  };
}

/** @throws AdminError also while the broker is away, which keeps them: an admin is not to wait for it. */
function reachable(cluster: Cluster | undefined): Cluster {
  const own = clusterOf(cluster);
  if (!own.isCutOff) return own;
  throw new AdminError(
    "The broker cannot be reached, and it keeps the dead letters. Try again when it is back.",
  );
}

async function replay(cluster: Cluster, request: ControlRequest): Promise<void> {
  const letter = await find(cluster, request);
  const items = itemsOf(letter);
  if (!items) throw new AdminError(`The dead letter ${letter.id} cannot be read, so it cannot be replayed.`);
  const stale = items.find(([kind]) => !REPLAYABLE.has(kind));
  if (stale) {
    const what = `The dead letter ${letter.id} holds what one node told another of itself (${stale[0]})`;
    throw new AdminError(`${what}, which is out of date by now. Drop it.`);
  }
  try {
    await cluster.replay(letter);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new AdminError(`The dead letter ${letter.id} cannot be handled this time either: ${reason}.`);
  }
}

/** @throws AdminError */
async function find(cluster: Cluster, { id }: ControlRequest): Promise<DeadLetter> {
  const letters = await cluster.deadLetters(ALL);
  const letter = letters.find((one) => one.id === id);
  if (!letter) throw noSuchLetter(id);
  return letter;
}

function noSuchLetter(id: unknown): AdminError {
  return new AdminError(`There is no dead letter ${String(id)}.`);
}

function summaryOf(letter: DeadLetter): LetterSummary {
  const { id, at, from, to, reason, body } = letter;
  const kinds = new Set(itemsOf(letter)?.map(kindOf));
  return { id, at: at.toISOString(), from, to, kinds: [...kinds], reason, size: body.length };
}

/** Undefined for what is no batch of this version. */
function itemsOf({ body }: DeadLetter): readonly Item[] | undefined {
  try {
    const { items } = decode(body);
    return items.every((item) => Array.isArray(item) && typeof item[0] === "string") ? items : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(item: Item): string {
  if (item[0] === "stanza") return `stanza (${/^<(\w+)/.exec(item[1])?.[1]})`;
  return item[0] === "news" ? `news (${item[1]})` : item[0];
}
