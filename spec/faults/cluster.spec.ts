import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import type { ClusterAdapter } from "../../src/cluster/adapter.js";
import { adapter as kafka } from "../../src/cluster/adapters/kafka.js";
import { adapter as rabbitmq } from "../../src/cluster/adapters/rabbitmq.js";
import { openStorage } from "../../src/storage/knex/connect.js";
import { CuttableProxy } from "../support/cuttable-proxy.js";
import { emptyDatabase } from "../support/databases.js";
import { KafkaBroker } from "../support/kafka-broker.js";
import { RabbitBroker } from "../support/rabbitmq-broker.js";
import { silentLog } from "../support/silent-log.js";
import { type BrokerFaults, clusterEvents } from "./cluster-events.js";
import { ClusterProcess } from "./cluster-process.js";
import { Poisoner } from "./poison.js";
import { runFaults, seeded } from "./run.js";
import { tell, tellEnd } from "./story.js";

/**
 * How many things happen to a cluster: in the short form two nodes are poisoned and two killed; `npm run test:faults` has a
 * hundred events of all kinds.
 */
const EVENTS = Number(process.env.FAULT_EVENTS ?? 4);
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
/** ms */
const DEAD_AFTER = 2000;
/** ms for a cluster that nothing happens to any more to come to agree. */
const CALM = 20 * DEAD_AFTER;

interface Kit {
  /** The section `cluster`. */
  cluster: object;
  broker: BrokerFaults;
  /** Of its own, past the proxy. */
  adapter: ClusterAdapter;
  /** What the broker has of nodes, by their names. */
  mailboxes(): Promise<string[]>;
}

describe(`What a cluster has acknowledged survives its nodes and its broker (${EVENTS} events, FAULT_SEED=${SEED})`, () => {
  /** Waits until nothing is wrong. @param look says what is */
  async function comesTrue(look: () => Promise<unknown>, what: string): Promise<void> {
    const deadline = Date.now() + CALM;
    let wrong = await look();
    while (wrong !== undefined && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      wrong = await look().catch((error: unknown) => String(error));
    }
    assert.equal(wrong, undefined, `${what}: ${JSON.stringify(wrong)}`);
  }

  async function check(url: string, { cluster, broker, adapter, mailboxes }: Kit): Promise<void> {
    const storage = await openStorage({ client: "postgres", url, durability: "relaxed" }, silentLog);
    const random = seeded(SEED + 1);
    const settings = { beat: "250ms", deadAfter: `${DEAD_AFTER}ms`, ...cluster };
    const target = await ClusterProcess.create(3, url, settings, random);
    const poisoner = await Poisoner.start(adapter);
    const events: string[] = [];

    async function poison(random: () => number): Promise<void> {
      const members = await storage.nodes.list();
      await poisoner.poison(members[Math.floor(random() * members.length)].id);
    }

    /** Those who are dead have been taken over, nothing of them is left, and those who are there know each other. */
    async function agree(): Promise<void> {
      const members = async () => (await storage.nodes.list()).map(({ id }) => id);
      await comesTrue(async () => ((await members()).length === 3 ? undefined : members()), "members");
      await comesTrue(async () => {
        const statuses = await target.statuses();
        const good = statuses.every(({ nodes }) => nodes.length === 2 && nodes.every(({ same }) => same));
        return good ? undefined : differences(await target.sessions());
      }, "directories");
      const known = [...(await members()), "poisoner"];
      await comesTrue(async () => {
        const left = (await mailboxes()).filter((name) => !known.includes(name));
        return left.length === 0 ? undefined : left;
      }, "left over in the broker");
      await comesTrue(async () => {
        const missing = await poisoner.missing();
        return missing.length === 0 ? undefined : missing;
      }, "poison that is no dead letter");
    }

    try {
      const disturb = clusterEvents(target, broker, poison, EVENTS, DEAD_AFTER, (what) => events.push(what));
      const result = await runFaults(target, disturb, SEED, agree).catch((error: unknown) => {
        console.log(tellEnd(2 * CALM));
        throw new Error(`after ${events.join(", ")}\n${said(target)}`, { cause: error });
      });
      const { lost, disordered, unarchived, ...figures } = result;
      console.log(
        `      ${JSON.stringify({ ...figures, poisoned: poisoner.sent.length })} (${tally(events)})`,
      );
      assert(figures.acknowledged > 0);
      for (const one of disordered) {
        const [sender, number] = one.split(/[: ]+/);
        const receiver = sender.replace(/^from.-/, "");
        const hits = (what: string) => what.startsWith(`hears ${sender} ${number} `);
        console.log(`----- ${one}\n${tell([sender, receiver], hits)}`);
      }
      assert.deepEqual(lost, [], `acknowledged, but never delivered\n${said(target)}`);
      assert.deepEqual(disordered, [], "delivered in another order than sent");
      assert.deepEqual(unarchived, [], "acknowledged, but not in an archive");
      await poisoner.stop();
      await target.stop();
      assert.deepEqual(await storage.nodes.list(), [], "members after the end");
      assert.deepEqual(await mailboxes(), [], "left over in the broker after the end");
    } finally {
      await poisoner.stop();
      await target.remove();
      await storage.close();
    }
  }

  /** What one node knows and another does not. */
  function differences(tables: string[][]): string[] {
    const all = new Set(tables.flat());
    return [...all].flatMap((row) => {
      const knowing = tables.flatMap((table, node) => (table.includes(row) ? [node] : []));
      return knowing.length === tables.length ? [] : [`${row} known by ${knowing}`];
    });
  }

  const tally = (events: readonly string[]) =>
    [...new Set(events)].map((kind) => `${events.filter((one) => one === kind).length} × ${kind}`).join(", ");

  function faultsOf(broker: RabbitBroker | KafkaBroker, proxy: CuttableProxy): BrokerFaults {
    return {
      restart: async () => {
        await broker.kill();
        await broker.restart();
      },
      cut: async (ms) => {
        proxy.cut();
        await new Promise((resolve) => setTimeout(resolve, ms));
        proxy.heal();
      },
    };
  }

  const said = (target: ClusterProcess) =>
    target.nodes.map(({ lines }, i) => `node ${i}:\n${lines.slice(-12).join("\n")}`).join("\n");
  /** Nodes have names that need no escape. */
  const namesIn = (all: readonly string[], start: string) =>
    all.filter((name) => name.startsWith(start)).map((name) => name.slice(start.length));
  const prefix = () => `faults-${randomBytes(4).toString("hex")}`;

  it("over RabbitMQ", async function () {
    this.timeout(120_000 + EVENTS * 15_000);
    const url = await emptyDatabase(this, "postgres");
    this.timeout(120_000 + EVENTS * 15_000);
    const broker = await RabbitBroker.start();
    const proxy = await CuttableProxy.open({ host: "127.0.0.1", port: broker.port });
    try {
      const options = { url: broker.urlBehind(proxy.port), prefix: prefix(), heartbeat: 2 };
      const own = { ...options, url: broker.url };
      const start = `${options.prefix}.mailbox.`;
      await check(url, {
        cluster: { adapter: "rabbitmq", options },
        broker: faultsOf(broker, proxy),
        adapter: rabbitmq.create(rabbitmq.options.parse(own), silentLog),
        mailboxes: async () => namesIn(await broker.queues(), start),
      });
    } finally {
      await proxy.close();
      await broker.stop();
    }
  });

  it("over Kafka", async function () {
    this.timeout(120_000 + EVENTS * 15_000);
    const url = await emptyDatabase(this, "postgres");
    this.timeout(120_000 + EVENTS * 15_000);
    const broker = await KafkaBroker.start();
    const { address, proxyPort } = broker.behindProxy;
    const port = Number(address.split(":")[1]);
    const proxy = await CuttableProxy.open({ host: "127.0.0.1", port }, proxyPort);
    try {
      const options = { brokers: [`127.0.0.1:${proxy.port}`], prefix: prefix() };
      const start = `${options.prefix}.mailbox.`;
      await check(url, {
        cluster: { adapter: "kafka", options },
        broker: faultsOf(broker, proxy),
        adapter: kafka.create(kafka.options.parse({ ...options, brokers: [broker.address] }), silentLog),
        mailboxes: async () => {
          const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
          await admin.connect();
          const topics = await admin.listTopics();
          await admin.disconnect();
          return namesIn(topics, start);
        },
      });
    } finally {
      await proxy.close();
      await broker.stop();
    }
  });
});
