import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import { openStorage } from "../../src/storage/knex/connect.js";
import { CuttableProxy } from "../support/cuttable-proxy.js";
import { emptyDatabase } from "../support/databases.js";
import { KafkaBroker } from "../support/kafka-broker.js";
import { RabbitBroker } from "../support/rabbitmq-broker.js";
import { silentLog } from "../support/silent-log.js";
import { type BrokerFaults, clusterEvents } from "./cluster-events.js";
import { ClusterProcess } from "./cluster-process.js";
import { runFaults, seeded } from "./run.js";
import { tell } from "./story.js";

/** How many things happen to a cluster: two nodes are killed here, a hundred events of all kinds in `npm run test:faults`. */
const EVENTS = Number(process.env.FAULT_EVENTS ?? 2);
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
/** ms */
const DEAD_AFTER = 2000;

describe(`What a cluster has acknowledged survives its nodes and its broker (${EVENTS} events, FAULT_SEED=${SEED})`, () => {
  /** Those who are dead have been taken over, and those who are there know it. */
  async function checkMembers(url: string, count: number): Promise<void> {
    const storage = await openStorage({ client: "postgres", url, durability: "relaxed" }, silentLog);
    try {
      const deadline = Date.now() + 10 * DEAD_AFTER;
      let members = await storage.nodes.list();
      while (members.length !== count && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 100));
        members = await storage.nodes.list();
      }
      assert.equal(members.length, count, `members: ${JSON.stringify(members)}`);
    } finally {
      await storage.close();
    }
  }

  /** @param mailboxes what the broker has of nodes */
  async function check(
    url: string,
    cluster: object,
    broker: BrokerFaults,
    mailboxes: () => Promise<string[]>,
  ): Promise<void> {
    const random = seeded(SEED + 1);
    const target = await ClusterProcess.create(
      3,
      url,
      { beat: "250ms", deadAfter: `${DEAD_AFTER}ms`, ...cluster },
      random,
    );
    const events: string[] = [];
    try {
      const disturb = clusterEvents(target, broker, EVENTS, DEAD_AFTER, (what) => events.push(what));
      const result = await runFaults(target, disturb, SEED).catch((error: unknown) => {
        throw new Error(`after ${events.join(", ")}\n${said(target)}`, { cause: error });
      });
      const { lost, disordered, unarchived, ...figures } = result;
      console.log(`      ${JSON.stringify(figures)} (${events.join(", ")})`);
      assert(figures.acknowledged > 0);
      assert.deepEqual(lost, [], `acknowledged, but never delivered\n${said(target)}`);
      for (const one of disordered) {
        const [sender, number] = one.split(/[: ]+/);
        const receiver = sender.replace(/^from.-/, "");
        const hits = (what: string) => what.startsWith(`hears ${sender} ${number} `);
        console.log(`----- ${one}\n${tell([sender, receiver], hits)}`);
      }
      assert.deepEqual(disordered, [], "delivered in another order than sent");
      assert.deepEqual(unarchived, [], "acknowledged, but not in an archive");
      await checkMembers(url, 3);
      await target.stop();
      await checkMembers(url, 0);
      assert.deepEqual(await mailboxes(), [], "left over in the broker");
    } finally {
      await target.remove();
    }
  }

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
  const prefix = () => `faults-${randomBytes(4).toString("hex")}`;

  it("over RabbitMQ", async function () {
    this.timeout(120_000 + EVENTS * 15_000);
    const url = await emptyDatabase(this, "postgres");
    this.timeout(120_000 + EVENTS * 15_000);
    const broker = await RabbitBroker.start();
    const proxy = await CuttableProxy.open({ host: "127.0.0.1", port: broker.port });
    try {
      const options = { url: broker.urlBehind(proxy.port), prefix: prefix(), heartbeat: 2 };
      await check(url, { adapter: "rabbitmq", options }, faultsOf(broker, proxy), async () =>
        (await broker.queues()).filter((name) => name.startsWith(`${options.prefix}.mailbox.`)),
      );
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
      await check(url, { adapter: "kafka", options }, faultsOf(broker, proxy), async () => {
        const admin = new Kafka({ brokers: [broker.address], logLevel: logLevel.NOTHING }).admin();
        await admin.connect();
        const topics = await admin.listTopics();
        await admin.disconnect();
        return topics.filter((name) => name.startsWith(`${options.prefix}.mailbox.`));
      });
    } finally {
      await proxy.close();
      await broker.stop();
    }
  });
});
