/**
 * The load generator: a process of its own, `node dist/bench/load.js --port N [options]`. It prints one line of JSON.
 * It must cost less than what it measures, so it keeps no XML: bytes built once go out, close tags are counted coming in.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Acknowledger } from "./load/acknowledger.js";
import { measureIdle } from "./load/idle.js";
import { accounts, connectAll, fullJid, type Target } from "./load/login.js";
import { Traffic } from "./load/traffic.js";
import type { TrafficFigures } from "./load/traffic-figures.js";
import { cpuMicros } from "./process-tree.js";

const DRAIN_MS = 5000;

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string" },
    /** Where every other client connects. */
    "second-port": { type: "string" },
    "pairs-together": { type: "boolean", default: false },
    protocol: { type: "string", default: "xmpp" },
    domain: { type: "string", default: "localhost" },
    clients: { type: "string", default: "200" },
    inflight: { type: "string", default: "1" },
    rate: { type: "string", default: "0" },
    to: { type: "string", default: "full" },
    warmup: { type: "string", default: "3" },
    seconds: { type: "string", default: "10" },
    idle: { type: "string", default: "0" },
    acks: { type: "boolean", default: false },
    /** Processes whose CPU and memory are read; their children are found. */
    pid: { type: "string", multiple: true, default: [] },
    /** Idle: these processes collect garbage on SIGUSR2. */
    collects: { type: "boolean", default: false },
  },
});

const target: Target = {
  host: values.host,
  port: Number(values.port),
  secondPort: values["second-port"] === undefined ? undefined : Number(values["second-port"]),
  pairsTogether: values["pairs-together"],
  protocol: protocolOf(values.protocol),
  domain: values.domain,
};
const pids = values.pid.map(Number);

function protocolOf(name: string): Target["protocol"] {
  return name === "relay" || name === "websocket" ? name : "xmpp";
}

async function measureTraffic(): Promise<TrafficFigures> {
  const all = accounts(Number(values.clients));
  const clients = await connectAll(all, target);
  const options = {
    inflight: Number(values.inflight),
    rate: Number(values.rate),
    addressOf: (i: number) =>
      values.to === "bare" ? `${all[i].name}@${target.domain}` : fullJid(all[i], target),
  };
  const acknowledgers = values.acks ? clients.map((client) => new Acknowledger(client)) : undefined;
  for (const one of acknowledgers ?? []) await one.enable();
  const traffic = new Traffic(clients, { ...options, acknowledgers }, abort);
  traffic.start();
  await sleep(Number(values.warmup) * 1000);
  const figures = await measureWindow(traffic);
  traffic.stop();
  figures.lost = await drain(traffic);
  for (const client of clients) client.close();
  return figures;
}

async function measureWindow(traffic: Traffic): Promise<TrafficFigures> {
  traffic.latency.clear();
  traffic.skipped = 0;
  const before = {
    at: performance.now(),
    arrived: traffic.arrived,
    own: process.cpuUsage(),
    cpu: cpuMicros(pids),
  };
  await sleep(Number(values.seconds) * 1000);
  const own = process.cpuUsage(before.own);
  return {
    messages: traffic.arrived - before.arrived,
    seconds: (performance.now() - before.at) / 1000,
    p50: traffic.latency.percentile(0.5),
    p99: traffic.latency.percentile(0.99),
    p999: traffic.latency.percentile(0.999),
    serverCpu: cpuMicros(pids) - before.cpu,
    generatorCpu: own.user + own.system,
    lost: 0,
    skipped: traffic.skipped,
  };
}

/** Waits until nothing is under way, five seconds at most. Resolves with the number still missing. */
async function drain(traffic: Traffic): Promise<number> {
  for (let waited = 0; traffic.underway > 0 && waited < DRAIN_MS; waited += 50) await sleep(50);
  return traffic.underway;
}

function abort(why: Error): never {
  process.stderr.write(`load: ${why.message}\n`);
  process.exit(1);
}

const figures =
  Number(values.idle) > 0
    ? await measureIdle({ target, pids, sessions: Number(values.idle), collects: values.collects }).catch(
        abort,
      )
    : await measureTraffic().catch(abort);
process.stdout.write(`${JSON.stringify(figures)}\n`);
