import { spawn } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { type IdleFigures, WARM_SESSIONS } from "./load/idle.js";
import { accounts } from "./load/login.js";
import { BODY_BYTES } from "./load/sender.js";
import type { TrafficFigures } from "./load/traffic-figures.js";
import type { Options } from "./options.js";
import { built, pinned } from "./peers/command.js";
import type { Peer, Running } from "./peers/peer.js";
import type { Row } from "./row.js";

const LOAD_CORE = "1";

/** A fresh server each for messages and for idle sessions. @throws when the server or the load generator gives up. */
export async function measure(
  peer: Peer,
  options: Options,
  profileFolder: string,
): Promise<Pick<Row, "traffic" | "idle">> {
  const figures: Pick<Row, "traffic" | "idle"> = {};
  if (options.mode !== "idle") figures.traffic = await measureTraffic(peer, options, profileFolder);
  if (options.mode !== "messages") figures.idle = await measureIdle(peer, options);
  return figures;
}

async function measureTraffic(peer: Peer, options: Options, profileFolder: string): Promise<TrafficFigures> {
  const server = await peer.start(accounts(options.clients), {
    archive: options.archive,
    spread: options.spread,
    collect: false,
    ...(options.profile ? { profileFolder } : {}),
  });
  try {
    const before = await archiveBytes(server);
    const { clients, inflight, rate, to, warmup, seconds } = options;
    const args = Object.entries({ clients, inflight, rate, to, warmup, seconds }).flatMap(flag);
    if (options.acks && peer.protocol === "xmpp") args.push("--acks");
    const figures = await load<TrafficFigures>(peer, server, args);
    if (options.archive && peer.archives) checkArchive(figures, (await archiveBytes(server)) - before);
    return figures;
  } finally {
    await server.stop();
  }
}

async function measureIdle(peer: Peer, options: Options): Promise<IdleFigures> {
  const users = accounts(WARM_SESSIONS + options.idle);
  const server = await peer.start(users, {
    archive: options.archive,
    spread: options.spread,
    collect: peer.node,
  });
  try {
    return await load(peer, server, ["--idle", String(options.idle), ...(peer.node ? ["--collects"] : [])]);
  } finally {
    await server.stop();
  }
}

/** A server whose archive fails may only log it, and be fast. @throws when less was kept than the bodies alone need. */
function checkArchive(figures: TrafficFigures, grown: number): void {
  if (grown < figures.messages * BODY_BYTES) throw new Error(`its archive grew by ${grown} bytes only`);
}

async function archiveBytes({ archive }: Running): Promise<number> {
  if (archive === undefined) return 0;
  const folder = dirname(archive);
  const entries = await readdir(folder, { recursive: true });
  const own = entries.filter((entry) => entry.startsWith(basename(archive)));
  const sizes = await Promise.all(own.map(async (entry) => (await stat(join(folder, entry))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function flag([name, value]: [string, string | number]): string[] {
  return [`--${name}`, String(value)];
}

/** Runs the load generator against a server and resolves with what it printed. */
async function load<Figures>(peer: Peer, server: Running, args: readonly string[]): Promise<Figures> {
  const fixed = ["--port", String(server.port), "--protocol", peer.protocol];
  if (server.secondPort !== undefined) fixed.push("--second-port", String(server.secondPort));
  if (server.pairsTogether) fixed.push("--pairs-together");
  const pids = server.pids().flatMap((pid) => ["--pid", String(pid)]);
  const program = [process.execPath, join(built, "load.js")];
  const [command, ...rest] = pinned(LOAD_CORE, [...program, ...fixed, ...pids, ...args]);
  const child = spawn(command, rest, { stdio: ["ignore", "pipe", "inherit"] });
  const printed = await text(child.stdout);
  if (printed === "") throw new Error("the load generator gave up");
  return JSON.parse(printed) as Figures;
}
