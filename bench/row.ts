import type { IdleFigures } from "./load/idle.js";
import type { TrafficFigures } from "./load/traffic-figures.js";

/** What one round told of one peer; a part is missing when it was not asked for. */
export interface Row {
  name: string;
  /** Program and version. */
  what: string;
  round: number;
  traffic?: TrafficFigures;
  idle?: IdleFigures;
}

/** CPU microseconds the server used for each message in the measuring window. */
export function cpuPerMessage({ traffic }: Row): number | undefined {
  return traffic && traffic.messages > 0 ? traffic.serverCpu / traffic.messages : undefined;
}

/** CPU per message as a multiple of the bare relay's in the same round; undefined without one. */
export function ratio(row: Row, rounds: readonly Row[]): number | undefined {
  const reference = rounds.find(({ name, round }) => name === "relay" && round === row.round);
  const own = cpuPerMessage(row);
  const relay = reference && cpuPerMessage(reference);
  return own === undefined || relay === undefined ? undefined : own / relay;
}

/**
 * Of each server the round with the median ratio (the lower one of an even number; without ratios: median CPU per
 * message), with the idle figures of its first round. A machine that is slow for a while slows relay and peers alike, so
 * ratios are steadier than the figures they are made of.
 */
export function medians(rounds: readonly Row[]): Row[] {
  const names = [...new Set(rounds.map((row) => row.name))];
  return names.map((name) => {
    const own = rounds.filter((row) => row.name === name);
    const sorted = own.toSorted((a, b) => compare(ratio(a, rounds), ratio(b, rounds)) || compareCpu(a, b));
    const { round, traffic } = sorted[Math.floor((sorted.length - 1) / 2)];
    return { ...own[0], round, ...(traffic ? { traffic } : {}) };
  });
}

function compareCpu(a: Row, b: Row): number {
  return compare(cpuPerMessage(a), cpuPerMessage(b));
}

function compare(a: number | undefined, b: number | undefined): number {
  return (a ?? 0) - (b ?? 0);
}
