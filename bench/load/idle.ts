import { setTimeout as sleep } from "node:timers/promises";
import { residentKb } from "../process-tree.js";
import { accounts, connectAll, type Target } from "./login.js";

/** Sessions logged in before the first reading, so that code loaded and buffers filled by a first login do not count. */
export const WARM_SESSIONS = 100;
const POLL_MS = 1000;
const STEADY_POLLS = 5;
const STEADY_SHARE = 0.005;
const SETTLE_POLLS_MAX = 30;
const COLLECT_MS = 2000;

export interface IdleRun {
  target: Target;
  pids: readonly number[];
  sessions: number;
  /** The server's processes collect garbage on SIGUSR2: Node servers started with collect.js. */
  collects: boolean;
}

/** Memory in KiB. `collected` readings come after a forced garbage collection, where the server can be told. */
export interface IdleFigures {
  sessions: number;
  settled: { before: number; after: number; perSession: number };
  collected?: { before: number; after: number; perSession: number };
}

interface Reading {
  settled: number;
  collected?: number;
}

/** Reads memory with 100 sessions, connects `sessions` more, reads again. Needs 100 + `sessions` accounts. */
export async function measureIdle(run: IdleRun): Promise<IdleFigures> {
  const all = accounts(WARM_SESSIONS + run.sessions);
  const warm = await connectAll(all.slice(0, WARM_SESSIONS), run.target);
  const before = await read(run);
  const idle = await connectAll(all.slice(WARM_SESSIONS), run.target);
  const after = await read(run);
  const lost = idle.filter((client) => client.socket.destroyed).length;
  if (lost > 0) throw new Error(`${lost} idle sessions were cut off`);
  for (const client of [...warm, ...idle]) client.close();
  const figures: IdleFigures = {
    sessions: run.sessions,
    settled: compare(before.settled, after.settled, run),
  };
  if (before.collected !== undefined && after.collected !== undefined) {
    figures.collected = compare(before.collected, after.collected, run);
  }
  return figures;
}

function compare(
  before: number,
  after: number,
  run: IdleRun,
): { before: number; after: number; perSession: number } {
  return { before, after, perSession: (after - before) / run.sessions };
}

async function read(run: IdleRun): Promise<Reading> {
  const settled = await settle(run.pids);
  if (!run.collects) return { settled };
  for (const pid of run.pids) process.kill(pid, "SIGUSR2");
  await sleep(COLLECT_MS);
  return { settled, collected: residentKb(run.pids) };
}

/** Waits until memory has moved less than 0.5 % over five seconds, 30 seconds at most. */
async function settle(pids: readonly number[]): Promise<number> {
  const seen = [residentKb(pids)];
  for (let poll = 0; poll < SETTLE_POLLS_MAX; poll++) {
    await sleep(POLL_MS);
    seen.push(residentKb(pids));
    const last = seen.slice(-STEADY_POLLS - 1);
    if (last.length > STEADY_POLLS && Math.max(...last) - Math.min(...last) < STEADY_SHARE * last[0]) break;
  }
  return seen[seen.length - 1];
}
