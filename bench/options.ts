import { parseArgs } from "node:util";

export const HELP = `npm run bench -- [options]

  --peers a,b       relay, relay-parse, sluice, sluice-ws (by WebSocket), prosody, ejabberd; default: all of these but
                    sluice-ws and ejabberd, as far as installed
  --mode MODE       messages, idle or all (default)
  --clients N       sessions that send messages, in pairs (200)
  --inflight N      messages under way per client, closed loop (1)
  --rate N          open loop: messages a second over all clients (0: closed loop)
  --to full|bare    the address written to (full)
  --acks            clients use stream management (XEP-0198): every message is stored until it is acknowledged
  --seconds N       measuring window (10)      --warmup N   before it (3)
  --rounds N        all servers in turn, N times; of each the median round is shown (1)
  --idle N          idle sessions whose memory is measured (2000)
  --archive         servers that can keep an archive of all messages, on SQLite, do
  --spread          a server may use all cores, beside the load generator; else it has one, and a cluster's nodes share it
  --profile         Node servers leave a CPU profile of the message run
  --out FOLDER      where the JSON goes (bench/results)
`;

const DEFAULT_PEERS = ["relay", "relay-parse", "sluice", "prosody"];
const MODES = ["messages", "idle", "all"];

export interface Options {
  peers: string[];
  mode: string;
  clients: number;
  inflight: number;
  rate: number;
  to: string;
  seconds: number;
  warmup: number;
  rounds: number;
  idle: number;
  archive: boolean;
  acks: boolean;
  spread: boolean;
  profile: boolean;
  out: string | undefined;
  help: boolean;
}

/** @throws with a sentence about the first option that is wrong. */
export function parseOptions(argv: string[]): Options {
  const { values } = parseArgs({
    args: argv,
    options: {
      peers: { type: "string", default: DEFAULT_PEERS.join(",") },
      mode: { type: "string", default: "all" },
      clients: { type: "string", default: "200" },
      inflight: { type: "string", default: "1" },
      rate: { type: "string", default: "0" },
      to: { type: "string", default: "full" },
      seconds: { type: "string", default: "10" },
      warmup: { type: "string", default: "3" },
      rounds: { type: "string", default: "1" },
      idle: { type: "string", default: "2000" },
      archive: { type: "boolean", default: false },
      acks: { type: "boolean", default: false },
      spread: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      out: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  return {
    ...values,
    out: values.out,
    peers: values.peers.split(","),
    mode: oneOf("mode", values.mode, MODES),
    to: oneOf("to", values.to, ["full", "bare"]),
    clients: number("clients", values.clients, 2),
    inflight: number("inflight", values.inflight, 1),
    rate: number("rate", values.rate, 0),
    seconds: number("seconds", values.seconds, 1),
    warmup: number("warmup", values.warmup, 0),
    rounds: number("rounds", values.rounds, 1),
    idle: number("idle", values.idle, 1),
  };
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < least)
    throw new Error(`--${name} must be a number of at least ${least}`);
  return value;
}

function oneOf(name: string, text: string, allowed: readonly string[]): string {
  if (!allowed.includes(text)) throw new Error(`--${name} must be one of ${allowed.join(", ")}`);
  return text;
}
