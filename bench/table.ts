import { cpuPerMessage, type Row, ratio } from "./row.js";

const NOTHING = "–";

interface Column {
  title: string;
  of(row: Row, rounds: readonly Row[]): string;
}

const columns: readonly Column[] = [
  { title: "server", of: (row) => row.name },
  { title: "msgs/s", of: ({ traffic: t }) => (t ? whole(t.messages / t.seconds) : NOTHING) },
  { title: "µs CPU/msg", of: (row) => fixed(cpuPerMessage(row), 1) },
  { title: "× relay", of: (row, rounds) => fixed(ratio(row, rounds), 2) },
  { title: "p50 ms", of: ({ traffic: t }) => fixed(t && t.p50 / 1000, 2) },
  { title: "p99 ms", of: ({ traffic: t }) => fixed(t && t.p99 / 1000, 2) },
  { title: "server busy", of: ({ traffic: t }) => percent(t && t.serverCpu / t.seconds) },
  { title: "load busy", of: ({ traffic: t }) => percent(t && t.generatorCpu / t.seconds) },
  { title: "lost", of: ({ traffic: t }) => (t ? whole(t.lost) : NOTHING) },
  { title: "KB/idle", of: ({ idle }) => fixed(idle?.settled.perSession, 1) },
  { title: "after gc", of: ({ idle }) => fixed(idle?.collected?.perSession, 1) },
];

/**
 * The rows as a Markdown table, which also reads well on a terminal.
 * @param rounds all that was measured: a row's ratio is to the relay of its own round.
 */
export function table(rows: readonly Row[], rounds: readonly Row[]): string {
  const cells = [columns.map((c) => c.title), ...rows.map((row) => columns.map((c) => c.of(row, rounds)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const [head, ...body] = cells.map((line) => line.map((cell, i) => pad(cell, widths[i], i > 0)));
  return [head, rule, ...body].map((line) => `| ${line.join(" | ")} |`).join("\n");
}

function pad(cell: string, width: number, right: boolean): string {
  return right ? cell.padStart(width) : cell.padEnd(width);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function fixed(value: number | undefined, digits: number): string {
  return value === undefined ? NOTHING : value.toFixed(digits);
}

function percent(micros: number | undefined): string {
  return micros === undefined ? NOTHING : `${Math.round(micros / 1e4)} %`;
}
