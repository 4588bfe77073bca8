import type { Tally } from "./broker.js";
import { MODEL } from "./model.js";
import type { Node } from "./node.js";
import { World } from "./world.js";

/** Items of the directory: rows and ends. */
const DIRECTORY = ["row", "end"];
const QUESTIONS = ["ask", "answer"];
/** ms in which nothing happens. */
const QUIET = 5000;
/** ms */
export const GATHER = 50;

/** What is said in all when one thing happens. */
export interface Event {
  batches: number;
  bytes: number;
  questions: number;
  /** ms that the login waits for other nodes. */
  wait: number;
}

/** Of a node, each second. */
export interface Load {
  directory: number;
  batches: number;
  items: number;
  bytes: number;
  /** Presence to sessions of other nodes, and as it travels: once for each node. */
  fanOut: number;
  grouped: number;
  questions: number;
  beats: number;
}

export interface Figures {
  nodes: number;
  sessions: number;
  quietBeats: number;
  login: Event;
  back: Event;
  blind: Event;
  change: Event;
  end: Event;
  message: Event;
  load: Load;
  /** The same when what users do within `GATHER` is said together. */
  gathered: Load;
  /** The same when no node knows who was nowhere of late. */
  blindLoad: Load;
  join: { items: number; rows: number; bytes: number; ms: number };
  death: { ms: number; rows: number; fanOut: number; grouped: number; bytes: number };
}

/**
 * All figures of one cluster.
 * @param perNode sessions of each node that are there in fact
 * @param ms of full load
 */
export async function simulate(nodes: number, perNode: number, ms: number): Promise<Figures> {
  const world = new World(nodes, perNode);
  try {
    await world.start();
    world.broker.count();
    await world.clock.pass(QUIET);
    const quiet = world.broker.count();
    const events = await eventsOf(world);
    const load = loadOf(await world.busy(ms, MODEL.sessions), world, ms);
    const together = 2 * GATHER * Math.ceil(ms / GATHER / 2);
    const gathered = loadOf(await world.busy(together, MODEL.sessions, { turn: GATHER }), world, together);
    const short = ms / 3;
    const blindLoad = loadOf(await world.busy(short, MODEL.sessions, { blind: true }), world, short);
    const death = await died(world, world.nodes[1]);
    const alive = world.nodes.filter((_, i) => i !== 1);
    const join = await joined(world, alive);
    return {
      nodes,
      sessions: perNode,
      quietBeats: (1000 * quiet.beats) / QUIET,
      ...events,
      load,
      gathered,
      blindLoad,
      join,
      death,
    };
  } finally {
    world.end();
  }
}

export function loadOf(tally: Tally, world: World, ms: number): Load {
  const each = (count: number) => (1000 * count) / ms / world.nodes.length;
  return {
    directory: each(tally.of(...DIRECTORY)),
    batches: each(tally.batches),
    items: each([...tally.items.values()].reduce((sum, { count }) => sum + count, 0)),
    bytes: each(tally.bytes),
    fanOut: each(world.fannedOut),
    grouped: each(tally.of("presence")),
    questions: each(tally.of(...QUESTIONS)),
    beats: each(tally.beats),
  };
}

async function eventsOf(world: World) {
  const seat = world.someone();
  const happens = async (what: () => Promise<unknown>): Promise<Event> => {
    world.waits.length = 0;
    const tally = await world.during(what);
    const questions = tally.of(...QUESTIONS);
    return { batches: tally.batches, bytes: tally.bytes, questions, wait: Math.max(0, ...world.waits) };
  };
  const end = await happens(async () => world.leave(seat));
  const login = await happens(() => world.arrive(seat, false));
  world.leave(seat);
  await world.clock.pass(100);
  const back = await happens(() => world.arrive(seat, true));
  const change = await happens(async () => seat.session && seat.node.present(seat.session));
  const away = seat.contacts.find(({ node }) => node !== seat.node);
  const message = await happens(async () => world.write(seat, away));
  world.leave(seat);
  await world.clock.pass(100);
  // As `Homes.of` makes it when it does not know.
  const blind = await happens(async () => {
    const start = world.clock.now;
    await seat.node.cluster.settled();
    world.waits.push(world.clock.now - start);
  });
  await world.clock.until(world.arrive(seat, false));
  return { login, back, blind, change, end, message };
}

/** In the dead one's place. */
async function joined(world: World, others: readonly Node[]): Promise<Figures["join"]> {
  let ms = 0;
  const rows = others.reduce((sum, { registry }) => sum + registry.size, 0);
  const tally = await world.during(async () => {
    const newcomer = await world.join();
    ms = newcomer.ms;
    assertAlike([newcomer.node, ...others]);
  });
  const kinds = ["begin", "rows", "all"];
  return { items: tally.of(...kinds), rows, bytes: tally.bytesOf(...kinds), ms };
}

async function died(world: World, node: Node): Promise<Figures["death"]> {
  const rows = node.registry.size;
  const { ms, tally } = await world.crash(node);
  return { ms, rows, fanOut: world.fannedOut, grouped: tally.of("presence"), bytes: tally.bytes };
}

/** All nodes know the same. */
function assertAlike(nodes: readonly Node[]): void {
  const tables = new Set(nodes.map(({ cluster }) => cluster.digest()));
  if (tables.size !== 1) throw new Error(`${tables.size} different tables`);
}
