import { type Habit, PASSWORD, Receiver, Sender } from "./people.js";
import type { ServerProcess } from "./process.js";

export interface Result {
  kills: number;
  acknowledged: number;
  delivered: number;
  duplicates: number;
  /** `sender number` of what was acknowledged and never delivered. */
  lost: string[];
  /** Pairs in which a message was first heard after a later one. */
  disordered: string[];
}

const HABITS: readonly Habit[] = ["online", "offline", "half-dead", "resuming"];
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

/** Senders write to receivers of every habit while the server is killed again and again; then all is counted. */
export async function runFaults(server: ServerProcess, kills: number, seed: number): Promise<Result> {
  const random = seeded(seed);
  const receivers = HABITS.map((habit) => new Receiver(`to-${habit}`, habit, server, random));
  const senders = receivers.flatMap(({ name }) =>
    [1, 2].map((number) => new Sender(`from${number}-${name}`, name, server)),
  );
  await server.addAccounts(
    [...receivers, ...senders].map(({ name }) => name),
    PASSWORD,
  );
  await server.start();
  for (const receiver of receivers) if (receiver.habit !== "offline") receiver.start();
  for (const sender of senders) sender.start();
  for (let kill = 0; kill < kills; kill++) {
    const life = LIFE.least + random() * (LIFE.most - LIFE.least);
    await new Promise((resolve) => setTimeout(resolve, life));
    await server.end("SIGKILL");
    await server.start();
  }
  await Promise.all(senders.map((sender) => sender.finish()));
  for (const receiver of receivers) if (receiver.habit === "offline") receiver.start();
  for (const { name, receiver, acknowledged } of senders) {
    await receivers.find((one) => one.name === receiver)?.hasHeard(name, acknowledged);
  }
  await Promise.all([...senders, ...receivers].map((person) => person.stop()));
  return count(kills, senders, receivers);
}

function count(kills: number, senders: readonly Sender[], receivers: readonly Receiver[]): Result {
  const result: Result = { kills, acknowledged: 0, delivered: 0, duplicates: 0, lost: [], disordered: [] };
  for (const { name, receiver, acknowledged } of senders) {
    const heard = receivers.find((one) => one.name === receiver)?.heard.get(name) ?? [];
    const first = [...new Set(heard)];
    result.acknowledged += acknowledged;
    result.delivered += first.length;
    result.duplicates += heard.length - first.length;
    const known = new Set(first);
    for (let number = 0; number < acknowledged; number++) {
      if (!known.has(number)) result.lost.push(`${name} ${number}`);
    }
    if (first.some((number, at) => at > 0 && number < first[at - 1])) result.disordered.push(name);
  }
  return result;
}
