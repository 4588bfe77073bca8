/** `npm run bench -- [options]`: the same load on one server after the other, and a table that compares them. */
import { existsSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { WARM_SESSIONS } from "./load/idle.js";
import { measure } from "./measure.js";
import { HELP, type Options, parseOptions } from "./options.js";
import { peers } from "./peers/all.js";
import { root, which } from "./peers/command.js";
import type { Peer } from "./peers/peer.js";
import { cpuPerMessage, medians, type Row, ratio } from "./row.js";
import { table } from "./table.js";

/** Files a process needs besides one for each session. */
const SPARE_FILES = 200;

const options = readOptions();
const folder = options.out ?? join(root, "bench/results");
checkMachine();

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

const rounds: Row[] = [];
for (let round = 1; round <= (options.mode === "idle" ? 1 : options.rounds); round++) {
  for (const peer of chosen()) {
    const row = await tryPeer(peer, round);
    if (row !== undefined) rounds.push(row);
  }
}
const rows = medians(rounds);
say(`\n${table(rows, rounds)}\n`);
await keep();

/** Idle sessions are measured in the first round only. */
async function tryPeer(peer: Peer, round: number): Promise<Row | undefined> {
  const what = await peer.available();
  if (what === undefined) {
    say(`!! ${peer.name} is NOT INSTALLED and is left out. To have it: ${peer.install}`);
    return undefined;
  }
  if (options.archive && !peer.archives)
    say(`   ${peer.name} has no archive: --archive changes nothing for it`);
  say(`   ${peer.name} (${what}) …`);
  try {
    const mode = options.mode === "all" && round > 1 ? "messages" : options.mode;
    const figures = await measure(peer, { ...options, mode }, join(folder, "profiles", peer.name));
    const row: Row = { name: peer.name, what, round, ...figures };
    warn(row);
    return row;
  } catch (error) {
    say(`!! ${peer.name} FAILED and is left out: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
    return undefined;
  }
}

function warn({ name, traffic }: Row): void {
  if (traffic === undefined) return;
  if (traffic.lost > 0) say(`!! ${name} LOST ${traffic.lost} messages: not there five seconds after the end`);
  if (traffic.skipped > 0)
    say(`!! ${name} does not keep up with --rate: ${traffic.skipped} messages were not sent`);
}

async function keep(): Promise<void> {
  await mkdir(folder, { recursive: true });
  const date = new Date().toISOString();
  const file = join(folder, `${date.replace(/[:.]/g, "-")}.json`);
  const figures = (row: Row) => ({ ...row, cpuPerMessage: cpuPerMessage(row), ratio: ratio(row, rounds) });
  const machine = { cores: availableParallelism(), node: process.versions.node, platform: process.platform };
  await writeFile(
    file,
    `${JSON.stringify({ date, options, machine, results: rows.map(figures), rounds: rounds.map(figures) }, null, 2)}\n`,
  );
  say(`Written to ${file}`);
  if (options.profile) say(`CPU profiles: ${join(folder, "profiles")}/<server>/*.cpuprofile`);
}

function chosen(): Peer[] {
  const unknown = options.peers.filter((name) => !peers.some((peer) => peer.name === name));
  if (unknown.length > 0) usage(`no such server: ${unknown.join(", ")}`);
  return peers.filter((peer) => options.peers.includes(peer.name));
}

function checkMachine(): void {
  if (!existsSync("/proc/self/stat")) usage("the benchmark reads /proc: it runs on Linux only");
  if (which("taskset") === undefined || availableParallelism() < 2) {
    say("!! server and load generator share cores (no taskset, or one core only): the figures will be poor");
  }
  const files = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
  const needed =
    Math.max(options.clients, options.mode === "messages" ? 0 : options.idle + WARM_SESSIONS) + SPARE_FILES;
  // Node raises its soft limit to the hard one at its start, and the servers inherit that.
  if (files < needed)
    usage(`${needed} open files are needed, ${files} allowed: run ulimit -n ${needed} first`);
}

function readOptions(): Options {
  try {
    const read = parseOptions(process.argv.slice(2));
    if (read.help) usage();
    return read;
  } catch (error) {
    return usage(error instanceof Error ? error.message : String(error));
  }
}

function usage(wrong?: string): never {
  say(wrong === undefined ? HELP : `bench: ${wrong}\n\n${HELP}`);
  process.exit(wrong === undefined ? 0 : 2);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
