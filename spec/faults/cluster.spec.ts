import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { CuttableProxy } from "../support/cuttable-proxy.js";
import { emptyDatabase } from "../support/databases.js";
import { KafkaBroker } from "../support/kafka-broker.js";
import { RabbitBroker } from "../support/rabbitmq-broker.js";
import { type BrokerFaults, clusterEvents } from "./cluster-events.js";
import { ClusterProcess } from "./cluster-process.js";
import { runFaults, seeded } from "./run.js";

/** How many things happen to a cluster: a few here, at least a hundred in `npm run test:faults`. */
const EVENTS = Number(process.env.FAULT_EVENTS ?? 3);
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
/** ms */
const DEAD_AFTER = 2000;

describe(`What a cluster has acknowledged survives its nodes and its broker (${EVENTS} events, FAULT_SEED=${SEED})`, () => {
  async function check(url: string, cluster: object, broker: BrokerFaults): Promise<void> {
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
      assert.deepEqual(disordered, [], "delivered in another order than sent");
      assert.deepEqual(unarchived, [], "acknowledged, but not in an archive");
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
      await check(url, { adapter: "rabbitmq", options }, faultsOf(broker, proxy));
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
      const brokers = [`127.0.0.1:${proxy.port}`];
      await check(url, { adapter: "kafka", options: { brokers, prefix: prefix() } }, faultsOf(broker, proxy));
    } finally {
      await proxy.close();
      await broker.stop();
    }
  });
});
