/**
 * `node dist/bench/logins.js`: what a login costs in a cluster of two, on the node that it comes to and on the other one, which has to
 * know of it; and what the session then takes of either's heap. Needs what `services.js` prints.
 */
import { readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { heapFile } from "./heap-file.js";
import { accounts, connectAll } from "./load/login.js";
import { sluiceClusters } from "./peers/sluice-cluster.js";
import { cpuMicros } from "./process-tree.js";

/** Logins before the first reading. */
const WARM = 300;
const LOGINS = Number(process.argv[2] ?? 2000);
/** ms for the other node to have heard of all, and for garbage to go. */
const SETTLE = 3000;

/** ms until nodes that have just come know where each account has been of late, and need not ask: four times `cluster.deadAfter`. */
const KNOWN = 33_000;

/** ms in which nothing happens, to know what nodes cost that only say that they are there. */
const IDLE = 10_000;

interface Used {
  /** ms */
  at: number;
  /** Of each node, in µs. */
  cpu: number[];
}

interface Reading {
  /** Before and after garbage was collected, which is not what is measured. */
  until: Used;
  since: Used;
  /** Of each node, in KiB. */
  memory: number[];
}

console.log(
  `| cluster | login, µs CPU | of it the other node | end, µs CPU | of it the other node | KB a session | on the other node |
| ------- | ------------: | -------------------: | ----------: | -------------------: | -----------: | ----------------: |`,
);
for (const peer of sluiceClusters) {
  if ((await peer.available()) === undefined) {
    console.log(`!! ${peer.name} is left out: ${peer.install}`);
    continue;
  }
  const all = accounts(WARM + LOGINS);
  const server = await peer.start(all, { archive: false, spread: false, collect: true });
  try {
    // All of them on the first node.
    const target = { host: "127.0.0.1", port: server.port, protocol: "xmpp", domain: "localhost" } as const;
    const warm = await connectAll(all.slice(0, WARM), target);
    if (server.pids().length > 1) await sleep(KNOWN);
    const idle = await idleShare(server.pids());
    const before = await read(server.pids());
    const clients = await connectAll(all.slice(WARM), target);
    const during = await read(server.pids());
    for (const client of clients) client.close();
    const after = await read(server.pids());
    for (const client of warm) client.close();
    const [login, loginThere] = costs(before, during, idle);
    const [end, endThere] = costs(during, after, idle);
    const [own, there] = each(during.memory.map((value, node) => value - before.memory[node]));
    const cells = [login + loginThere, loginThere, end + endThere, endThere].map((micros) =>
      micros.toFixed(0),
    );
    console.log(`| ${[peer.name, ...cells, own.toFixed(1), there.toFixed(1)].join(" | ")} |`);
  } finally {
    await server.stop();
  }
}

async function read(pids: readonly number[]): Promise<Reading> {
  await sleep(SETTLE);
  const until = used(pids);
  for (const pid of pids) process.kill(pid, "SIGUSR2");
  await sleep(SETTLE);
  return { until, since: used(pids), memory: pids.map(takeHeap) };
}

function used(pids: readonly number[]): Used {
  return { at: performance.now(), cpu: pids.map((pid) => cpuMicros([pid])) };
}

/** KiB */
function takeHeap(pid: number): number {
  const file = heapFile(pid);
  const bytes = Number(readFileSync(file, "utf8"));
  rmSync(file);
  return bytes / 1024;
}

/** µs of each node in one ms without any login. */
async function idleShare(pids: readonly number[]): Promise<number[]> {
  const before = pids.map((pid) => cpuMicros([pid]));
  await sleep(IDLE);
  return pids.map((pid, node) => (cpuMicros([pid]) - before[node]) / IDLE);
}

/** µs of one login, on its own node and on the other one. */
function costs({ since }: Reading, { until }: Reading, idle: readonly number[]): [number, number] {
  const elapsed = until.at - since.at;
  return each(until.cpu.map((value, node) => value - since.cpu[node] - idle[node] * elapsed));
}

/** 0 where there is no other node. */
function each([own, other = 0]: readonly number[]): [number, number] {
  return [own / LOGINS, other / LOGINS];
}
