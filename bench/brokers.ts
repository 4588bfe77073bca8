/**
 * `node dist/bench/brokers.js [messages]`: what the way between two nodes costs, beside the bare broker. Set AMQP_URL and
 * KAFKA_BROKERS as `node dist/bench/services.js` prints them; a broker that is not set is left out. Sender and receiver are
 * both in this process, so its CPU is that of both sides; the broker's own is not in it.
 */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "amqplib";
import { Kafka, logLevel } from "kafkajs";
import type { AdapterModule, ClusterAdapter } from "../src/cluster/adapter.js";
import { adapter as ipc } from "../src/cluster/adapters/ipc.js";
import { adapter as kafka } from "../src/cluster/adapters/kafka.js";
import { adapter as rabbitmq } from "../src/cluster/adapters/rabbitmq.js";
import { decode } from "../src/cluster/envelope.js";
import { LINK_DEFAULTS, Link } from "../src/cluster/link.js";
import { xml } from "../src/xml/element.js";
import { Jid } from "../src/xmpp/jid.js";
import { Stanza } from "../src/xmpp/stanza.js";

const MESSAGES = Number(process.argv[2] ?? 20_000);
/** How many are sent one after the other, for the time there and back. */
const PINGS = 300;
const BYTES = 300;

/** A way from one side to the other. */
interface Way {
  /** Resolves when it is safe, and calls `heard` when it has arrived. */
  send(): Promise<unknown>;
  heard: () => void;
  close(): Promise<void>;
}

const { AMQP_URL: amqp, KAFKA_BROKERS: brokers } = process.env;
const body = Buffer.alloc(BYTES, "x");
const name = () => `bench-${randomBytes(4).toString("hex")}`;
const log = { info: () => undefined, warn: (about: object) => console.error(about) };

async function bareRabbit(): Promise<Way> {
  const connection = await connect(amqp as string);
  const channel = await connection.createConfirmChannel();
  const consumer = await connection.createChannel();
  const queue = name();
  await channel.assertQueue(queue, { durable: true });
  await consumer.prefetch(1000);
  const way: Way = {
    heard: () => undefined,
    send: () =>
      new Promise<void>((resolve, reject) =>
        channel.sendToQueue(queue, body, { persistent: true }, (error: unknown) =>
          error ? reject(error) : resolve(),
        ),
      ),
    close: async () => {
      await channel.deleteQueue(queue);
      await connection.close();
    },
  };
  await consumer.consume(queue, (message) => {
    if (!message) return;
    consumer.ack(message);
    way.heard();
  });
  return way;
}

async function bareKafka(): Promise<Way> {
  const client = new Kafka({ brokers: (brokers as string).split(","), logLevel: logLevel.NOTHING });
  const topic = name();
  const admin = client.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }], waitForLeaders: true });
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  const consumer = client.consumer({ groupId: topic, maxWaitTimeInMs: 50 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const way: Way = {
    heard: () => undefined,
    send: () => producer.send({ topic, acks: -1, messages: [{ value: body }] }),
    close: async () => {
      await consumer.disconnect();
      await producer.disconnect();
      await admin.deleteTopics({ topics: [topic] });
      await admin.disconnect();
    },
  };
  await consumer.run({ eachMessage: async () => way.heard() });
  return way;
}

type Make = () => ClusterAdapter;

function adapterOf<T>(module: AdapterModule<T>, options: object): Make {
  return () => module.create(module.options.parse(options), log);
}

/** Two nodes of an adapter. @param receive what the second does with what the first sends it */
async function pair(make: Make, receive: (bytes: Uint8Array) => void) {
  const [from, to] = [make(), make()];
  const ignore = () => undefined;
  await from.start("from", async () => undefined, ignore);
  await to.start("to", async ({ body: bytes }) => receive(bytes), ignore);
  return {
    send: (bytes: Uint8Array) => from.send("to", "", bytes, { durable: true }),
    close: async () => {
      await from.stop();
      await to.stop();
    },
  };
}

/** One message of the adapter for each that is sent. */
async function single(make: Make): Promise<Way> {
  const { send, close } = await pair(make, () => way.heard());
  const way: Way = { heard: () => undefined, send: () => send(body), close };
  return way;
}

/** As stanzas go: those of one turn together, more where the broker is slower. */
async function stanzas(make: Make): Promise<Way> {
  const jid = Jid.parse("juliet@example.net/balcony");
  const romeo = Jid.parse("romeo@example.net/orchard");
  const stanza = Stanza.make(
    "message",
    { from: romeo, to: jid, type: "chat" },
    xml("body", {}, "x".repeat(BYTES)),
  );
  const { send, close } = await pair(make, (bytes) => {
    for (const _ of decode(bytes).items) way.heard();
  });
  const link = new Link("to", send, LINK_DEFAULTS, {
    state: (broken, why) => broken && console.error(why),
    anew: () => {
      throw new Error("the broker has lost something");
    },
    dealtWith: async () => undefined,
    stuck: () => undefined,
  });
  const way: Way = {
    heard: () => undefined,
    send: async () => link.putStanza(stanza, jid, 1),
    close: () => {
      link.close();
      return close();
    },
  };
  return way;
}

interface Figures {
  rate: number;
  cpu: number;
  /** ms from sending to hearing, one at a time. */
  p50: number;
}

/** @param inFlight messages that have been sent and not heard. */
async function measure(way: Way, inFlight: number): Promise<Figures> {
  const run = (count: number, limit: number) =>
    new Promise<void>((resolve, reject) => {
      let sent = 0;
      let heard = 0;
      const more = () => {
        while (sent < count && sent - heard < limit) {
          sent += 1;
          way.send().catch(reject);
        }
      };
      way.heard = () => {
        heard += 1;
        if (heard === count) resolve();
        else more();
      };
      more();
    });
  await run(MESSAGES / 5, inFlight);
  const cpu = process.cpuUsage();
  const began = performance.now();
  await run(MESSAGES, inFlight);
  const ms = performance.now() - began;
  const { user, system } = process.cpuUsage(cpu);
  const times: number[] = [];
  for (let ping = 0; ping < PINGS; ping++) {
    const start = performance.now();
    await run(1, 1);
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return { rate: (MESSAGES / ms) * 1000, cpu: (user + system) / MESSAGES, p50: times[PINGS / 2] };
}

const folder = await mkdtemp(join(tmpdir(), "brokers-"));
const kinds: [string, (() => Promise<Way>) | undefined, Make | undefined][] = [
  ["ipc", undefined, adapterOf(ipc, { folder })],
  [
    "rabbitmq",
    amqp === undefined ? undefined : bareRabbit,
    amqp === undefined ? undefined : adapterOf(rabbitmq, { url: amqp, prefix: name() }),
  ],
  [
    "kafka",
    brokers === undefined ? undefined : bareKafka,
    brokers === undefined ? undefined : adapterOf(kafka, { brokers: brokers.split(","), prefix: name() }),
  ],
];
console.log(`${MESSAGES} messages of ${BYTES} bytes; in flight: 500 (bare Kafka: 100)\n`);
console.log("| way | messages/s | µs CPU/message | ms, one in flight (p50) |\n|---|---:|---:|---:|");
for (const [kind, bare, make] of kinds) {
  if (!make) {
    console.log(`| ${kind}: not set, left out | | | |`);
    continue;
  }
  const ways: [string, () => Promise<Way>, number][] = [
    ...(bare
      ? [[`${kind}, bare`, bare, kind === "kafka" ? 100 : 500] as [string, () => Promise<Way>, number]]
      : []),
    [`${kind}, adapter, single messages`, () => single(make), 500],
    [`${kind}, stanzas through a link`, () => stanzas(make), 500],
  ];
  for (const [title, open, inFlight] of ways) {
    const way = await open();
    const { rate, cpu, p50 } = await measure(way, inFlight);
    await way.close();
    console.log(
      `| ${title} | ${Math.round(rate).toLocaleString("en-US")} | ${cpu.toFixed(1)} | ${p50.toFixed(2)} |`,
    );
  }
}
await rm(folder, { recursive: true, force: true });
