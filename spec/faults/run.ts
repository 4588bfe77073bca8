import { numbersOf, readArchive } from "./archive-reader.js";
import { type Habit, Receiver, Sender } from "./people.js";
import { PASSWORD, type Place } from "./place.js";
import type { ServerProcess } from "./process.js";

export interface Result {
  acknowledged: number;
  delivered: number;
  duplicates: number;
  /** `sender number` of what was acknowledged and never delivered. */
  lost: string[];
  /** Pairs in which a message was first heard after a later one. */
  disordered: string[];
  /** `archive: sender number` of what was acknowledged and is not in the sender's or the receiver's archive. */
  unarchived: string[];
}

/** What messages are sent through: one server, or a cluster. */
export interface FaultTarget extends Place {
  addAccounts(names: readonly string[], password: string): Promise<void>;
  /** Resolves when it serves. */
  start(): Promise<void>;
}

/** What happens to the server while messages flow. */
export type Disturbance = (senders: readonly Sender[], random: () => number) => Promise<void>;

const HABITS: readonly Habit[] = ["online", "offline", "half-dead", "resuming", "archive-only"];
/** ms between a start and the next kill. */
const LIFE = { least: 300, most: 1500 };

/** Numbers in [0, 1) that depend on the seed alone: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Kills the server and starts it again on the same data, so many times. */
export function kills(server: ServerProcess, count: number): Disturbance {
  return async (_senders, random) => {
    for (let kill = 0; kill < count; kill++) {
      const life = LIFE.least + random() * (LIFE.most - LIFE.least);
      await new Promise((resolve) => setTimeout(resolve, life));
      await server.end("SIGKILL");
      await server.start();
    }
  };
}

/**
 * Senders write to receivers of every habit while something happens to the server; then all is counted.
 * @param calm looks at the server when everything has arrived and everybody is still there.
 */
export async function runFaults(
  server: FaultTarget,
  disturb: Disturbance,
  seed: number,
  calm?: () => Promise<void>,
): Promise<Result> {
  const random = seeded(seed);
  const receivers = HABITS.map((habit) => new Receiver(`to-${habit}`, habit, server, random));
  const senders = receivers.flatMap(({ name }) =>
    [1, 2].map((number) => new Sender(`from${number}-${name}`, name, server)),
  );
  const of = (habit: Habit) => receivers.filter((receiver) => receiver.habit === habit);
  await server.addAccounts(
    [...receivers, ...senders].map(({ name }) => name),
    PASSWORD,
  );
  await server.start();
  for (const habit of ["online", "half-dead", "resuming"] as const) for (const one of of(habit)) one.start();
  for (const sender of senders) sender.start();
  await disturb(senders, random);
  await Promise.all(senders.map((sender) => sender.finish()));
  for (const receiver of of("offline")) receiver.start();
  for (const receiver of of("archive-only")) await receiver.readArchive(senders.map(({ name }) => name));
  for (const { name, receiver, acknowledged } of senders) {
    const target = receivers.find((one) => one.name === receiver);
    // Who reads the archive has read it; what is missing there will not come.
    if (target?.habit !== "archive-only") await target?.hasHeard(name, acknowledged);
  }
  await calm?.();
  const started = receivers.filter(({ habit }) => habit !== "archive-only");
  await Promise.all([...senders, ...started].map((person) => person.stop()));
  return { ...count(senders, receivers), unarchived: await unarchived(server, senders) };
}

function count(senders: readonly Sender[], receivers: readonly Receiver[]): Omit<Result, "unarchived"> {
  const result = {
    acknowledged: 0,
    delivered: 0,
    duplicates: 0,
    lost: [] as string[],
    disordered: [] as string[],
  };
  for (const { name, receiver, acknowledged } of senders) {
    const heard = receivers.find((one) => one.name === receiver)?.heard.get(name) ?? [];
    const first = [...new Set(heard)];
    result.acknowledged += acknowledged;
    result.delivered += first.length;
    result.duplicates += heard.length - first.length;
    result.lost.push(...missing(acknowledged, first).map((number) => `${name} ${number}`));
    const late = first.filter((number, at) => at > 0 && number < first[at - 1]);
    if (late.length > 0)
      result.disordered.push(`${name}: ${late.slice(0, 5)} after ${first[first.indexOf(late[0]) - 1]}`);
  }
  return result;
}

/** Both sides have it in their archives: XEP-0313 §3.3.1. */
async function unarchived(server: FaultTarget, senders: readonly Sender[]): Promise<string[]> {
  const owners = new Set(senders.flatMap(({ name, receiver }) => [name, receiver]));
  const found: string[] = [];
  for (const owner of owners) {
    const bodies = await readArchive(owner, server);
    for (const { name, receiver, acknowledged } of senders) {
      if (name !== owner && receiver !== owner) continue;
      const numbers = numbersOf(name, bodies);
      found.push(...missing(acknowledged, numbers).map((number) => `${owner}: ${name} ${number}`));
    }
  }
  return found;
}

/** The numbers below `count` that are not there. */
function missing(count: number, there: readonly number[]): number[] {
  const known = new Set(there);
  return Array.from({ length: count }, (_, number) => number).filter((number) => !known.has(number));
}
