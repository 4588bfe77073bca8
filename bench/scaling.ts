/**
 * `node --expose-gc dist/bench/scaling.js`: what nodes say to each other as a cluster grows. The nodes are the server's own
 * (`Cluster`, links, directory) in one process and in simulated time; few sessions do in each second what a node's 100,000 would.
 * The last table multiplies: with what a row costs on this machine, and with what the adapter's messages cost (docs/benchmark.md).
 */
import { type Figures, type Load, loadOf, simulate } from "./scaling/figures.js";
import { MODEL } from "./scaling/model.js";
import { type RowCost, rowCost } from "./scaling/row-cost.js";
import { sight } from "./scaling/sight.js";
import { print } from "./scaling/table.js";
import { World } from "./scaling/world.js";

/** Nodes, sessions of each that are there in fact, ms of full load. */
const CLUSTERS = [
  [2, 200, 4000],
  [3, 200, 4000],
  [10, 200, 1200],
  [30, 100, 300],
  [100, 40, 40],
] as const;
/** µs of CPU for both ends of a broker's message: "rabbitmq, adapter, single messages" of docs/benchmark.md. */
const ADAPTER = 40;
/** Bytes a second that the broker takes: where disks or a network of 1 Gbit/s end. */
const BANDWIDTH = 100e6;

const cost = rowCost();
console.log(
  `A row that travels alone: ${cost.say.toFixed(1)} µs to write, ${cost.hear.toFixed(1)} µs to take in; one of a hundred: ` +
    `${cost.hearTale.toFixed(1)} µs to take in, ${(cost.heap / 1000).toFixed(2)} KB of heap.`,
);
const all: Figures[] = [];
for (const [nodes, sessions, ms] of CLUSTERS) all.push(await simulate(nodes, sessions, ms));
printEvents();
printLoad();
printComings();
await printLinearity();
await printTurns();
await printStorm();
await printSight();
printExtrapolated(cost);

function printEvents(): void {
  const pair = ({ batches, bytes }: { batches: number; bytes: number }) =>
    `${batches.toLocaleString("en")} · ${(bytes / 1000).toFixed(1)}`;
  print(
    "What is said by all nodes together when one thing happens: batches · KB",
    [
      "nodes",
      "login",
      "from another node",
      "of it questions",
      "where not known",
      "presence",
      "message",
      "end",
    ],
    ...all.map(({ nodes, login, back, blind, change, message, end }) => [
      String(nodes),
      pair(login),
      pair(back),
      back.questions,
      pair({ batches: login.batches + blind.batches, bytes: login.bytes + blind.bytes }),
      pair(change),
      pair(message),
      pair(end),
    ]),
  );
}

function printLoad(): void {
  print(
    `A node's second with ${MODEL.sessions.toLocaleString("en")} sessions each`,
    [
      "nodes",
      "rows",
      "batches",
      "items a batch",
      "MB",
      "presence",
      "grouped",
      "questions",
      "when not known",
      "beats",
      "when silent",
    ],
    ...all.map(({ nodes, load, blindLoad, quietBeats }) => [
      String(nodes),
      load.directory,
      load.batches,
      load.items / load.batches,
      load.bytes / 1e6,
      load.fanOut,
      load.grouped,
      load.questions,
      blindLoad.questions,
      load.beats,
      quietBeats / nodes,
    ]),
  );
}

function printComings(): void {
  print(
    "A node joins, a node dies",
    [
      "nodes",
      "rows told",
      "items",
      "bytes a row",
      "ms",
      "dead after, ms",
      "rows dropped",
      "presence",
      "grouped",
    ],
    ...all.map(({ nodes, join, death }) => [
      String(nodes),
      join.rows,
      join.items,
      join.bytes / join.rows,
      join.ms,
      death.ms,
      death.rows,
      death.fanOut,
      death.grouped,
    ]),
  );
}

/** The same users by fewer and by more sessions; and fewer users. */
async function printLinearity(): Promise<void> {
  const lines: (string | number)[][] = [];
  for (const [there, represented, ms] of [
    [50, 100_000, 1000],
    [400, 100_000, 1000],
    [400, 50_000, 2000],
    [400, 400, 100_000],
  ]) {
    const load = await loadWith(10, there, represented, ms);
    const hourly = (count: number) => (3600 * count) / represented;
    lines.push([
      String(there),
      represented,
      hourly(load.directory),
      hourly(load.batches),
      hourly(load.bytes) / 1000,
      hourly(load.fanOut),
      hourly(load.grouped),
      load.beats,
    ]);
  }
  print(
    "10 nodes, of a session in an hour",
    ["sessions", "stand for", "rows", "batches", "KB", "presence", "grouped", "beats/s of a node"],
    ...lines,
  );
}

/** What is gained by saying together what comes within a while. */
async function printTurns(): Promise<void> {
  const lines: (string | number)[][] = [];
  const world = new World(30, 50);
  try {
    await world.start();
    for (const turn of [1, 10, 50, 100]) {
      const load = loadOf(await world.busy(400, MODEL.sessions, { turn }), world, 400);
      lines.push([String(turn), load.batches, load.items / load.batches, load.bytes / 1e6]);
    }
  } finally {
    world.end();
  }
  print(
    "30 nodes, what comes within so many ms goes together",
    ["ms", "batches/s a node", "items a batch", "MB/s"],
    ...lines,
  );
}

async function loadWith(nodes: number, there: number, represented: number, ms: number): Promise<Load> {
  const world = new World(nodes, there);
  try {
    await world.start();
    return loadOf(await world.busy(ms, represented), world, ms);
  } finally {
    world.end();
  }
}

/** What others wait while a newcomer is told. */
async function printStorm(): Promise<void> {
  const lines: (string | number)[][] = [];
  for (const [nodes, there] of [
    [3, 2000],
    [10, 2000],
    [10, 4000],
  ]) {
    const world = new World(nodes, there, { bandwidth: BANDWIDTH });
    try {
      await world.start();
      const [one, other] = world.nodes;
      const before = await world.clock.until(one.cluster.echo(other.id));
      let isJoining = true;
      const waits: number[] = [];
      const joining = world.join().then(({ ms }) => {
        isJoining = false;
        return ms;
      });
      while (isJoining) waits.push(await world.clock.until(one.cluster.echo(other.id)));
      lines.push([String(nodes), there, await joining, before, Math.max(...waits)]);
    } finally {
      world.end();
    }
  }
  print(
    `A node joins, the broker takes ${BANDWIDTH / 1e6} MB/s`,
    ["nodes", "sessions each", "ms", "there and back between others, ms", "meanwhile at the most"],
    ...lines,
  );
}

async function printSight(): Promise<void> {
  const lines: (string | number)[][] = [];
  for (const sessions of [100_000, 1_000_000, 3_000_000, 10_000_000]) {
    const { first, share } = await sight(sessions / MODEL.session);
    lines.push([
      sessions.toLocaleString("en"),
      sessions / MODEL.session,
      first === undefined ? "never" : `${((first * MODEL.session) / sessions / 60).toFixed(1)} min`,
      `${Math.round(100 * share)} %`,
    ]);
  }
  print(
    "Whether a node knows who was nowhere of late",
    ["sessions", "ends/s", "no longer after", "in the long run"],
    ...lines,
  );
}

function printExtrapolated({ heap, say, hear, hearTale }: RowCost): void {
  print(
    "Extrapolated",
    [
      "nodes",
      "sessions, millions",
      "table, GB a node",
      "broker's messages/s",
      "MB/s in all",
      "chat and receipts alone",
      "of a core: rows",
      "of a core: broker's messages",
      "broker's messages/s, gathered",
      "of a core",
      "a newcomer is told, GB",
      "s of the broker",
      "s of its CPU",
      "presence of its heir, millions",
    ],
    ...all.map(({ nodes, load, gathered, join, death }) => {
      const others = (nodes - 1) * MODEL.sessions;
      const told = (others + MODEL.sessions) * (join.bytes / join.rows);
      return [
        String(nodes),
        (nodes * MODEL.sessions) / 1e6,
        (others * heap) / 1e9,
        load.batches * nodes,
        (load.bytes * nodes) / 1e6,
        (2 * (nodes - 1) * MODEL.sessions) / MODEL.message,
        `${((load.directory * (say + hear)) / 1e4).toFixed(1)} %`,
        `${((load.batches * ADAPTER) / 1e4).toFixed(1)} %`,
        gathered.batches * nodes,
        `${((gathered.batches * ADAPTER) / 1e4).toFixed(1)} %`,
        told / 1e9,
        told / BANDWIDTH,
        ((others + MODEL.sessions) * hearTale) / 1e6,
        (MODEL.sessions * death.fanOut) / death.rows / 1e6,
      ];
    }),
  );
}
