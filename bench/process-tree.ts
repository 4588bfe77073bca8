import { readdirSync, readFileSync } from "node:fs";

/** Kernel clock ticks a second in /proc: USER_HZ is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

interface Stat {
  pid: number;
  parent: number;
  ticks: number;
}

/** CPU time, in microseconds, that these processes and all below them have used (user and system, all threads). */
export function cpuMicros(roots: readonly number[]): number {
  const ticks = tree(roots).reduce((sum, stat) => sum + stat.ticks, 0);
  return (ticks * 1e6) / TICKS_PER_SECOND;
}

/** Resident memory (VmRSS), in KiB, of these processes and all below them. */
export function residentKb(roots: readonly number[]): number {
  return tree(roots).reduce((sum, stat) => sum + rssKb(stat.pid), 0);
}

function tree(roots: readonly number[]): Stat[] {
  const all = readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((entry) => readStat(Number(entry)))
    .filter((stat) => stat !== undefined);
  const inside = all.filter((stat) => roots.includes(stat.pid));
  // The list grows while it is walked: each process found brings its children.
  for (const { pid } of inside)
    inside.push(...all.filter((stat) => stat.parent === pid && !inside.includes(stat)));
  return inside;
}

/** Undefined when the process has gone meanwhile. Its time is then in its parent's figures for dead children. */
function readStat(pid: number): Stat | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  // proc(5): the command, second field, stands in brackets and may hold spaces; fields are counted from 1.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number) => Number(fields[number - 3]);
  return { pid, parent: field(4), ticks: field(14) + field(15) + field(16) + field(17) };
}

function rssKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readProc(`/proc/${pid}/status`) ?? "")?.[1] ?? 0);
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}
