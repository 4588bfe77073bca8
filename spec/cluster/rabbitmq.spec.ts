import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { connect } from "amqplib";
import type { ClusterMessage, NodeId, OnState, Receive } from "../../src/cluster/adapter.js";
import { Names } from "../../src/cluster/adapters/rabbitmq/names.js";
import { adapter, type RabbitAdapter } from "../../src/cluster/adapters/rabbitmq.js";
import { CuttableProxy } from "../support/cuttable-proxy.js";
import { type RabbitBroker, rabbitUrl, sharedRabbit } from "../support/rabbitmq-broker.js";
import { silentLog } from "../support/silent-log.js";
import { adapterSuite } from "./adapter.suite.js";

const DEADLINE = 20_000;

describe("the cluster adapter over RabbitMQ", () => {
  let url: string;
  /** Where it is ours, so that it may be killed. */
  let broker: RabbitBroker | undefined;
  let proxy: CuttableProxy;
  let throughProxy: string;
  /** The nodes of each deployment, where the broker cannot be asked. */
  const nodes = new Map<string, Set<NodeId>>();

  before(async function () {
    url = await rabbitUrl(this);
    broker = await sharedRabbit();
    const { hostname, port } = new URL(url);
    proxy = await CuttableProxy.open({ host: hostname, port: Number(port) || 5672 });
    const through = new URL(url);
    through.hostname = "127.0.0.1";
    through.port = String(proxy.port);
    throughProxy = through.href;
  });
  after(() => proxy?.close());

  function make(prefix: string, options: object = {}, log = silentLog): RabbitAdapter {
    const quick = { url: throughProxy, prefix, inFlight: 16, retryDelay: 5, maxBackoff: 200, heartbeat: 1 };
    const one = adapter.create(adapter.options.parse({ ...quick, ...options }), log) as RabbitAdapter;
    const start = one.start.bind(one);
    one.start = (self, ...more) => {
      nodes.set(prefix, (nodes.get(prefix) ?? new Set()).add(self));
      return start(self, ...more);
    };
    return one;
  }

  /** Mailboxes that are there. */
  async function leftovers(prefix: string): Promise<string[]> {
    if (broker) return (await broker.queues()).filter((name) => name.startsWith(`${prefix}.mailbox.`));
    const names = [...(nodes.get(prefix) ?? [])].map((node) => new Names(prefix).mailbox(node));
    const model = await connect(url);
    const found: string[] = [];
    for (const name of names) {
      const channel = await model.createChannel();
      channel.on("error", () => undefined);
      await channel.checkQueue(name).then(
        () => found.push(name),
        () => undefined,
      );
    }
    await model.close();
    return found;
  }

  const kit = (options: object) => async () => ({
    make: (prefix: string) => make(prefix, options),
    crash: async (one: unknown) => (one as RabbitAdapter).crash(),
    leftovers,
    inFlight: 16,
    deadline: DEADLINE,
    breakBroker: {
      lose: async () => proxy.cut(),
      restore: async () => proxy.heal(),
    },
  });

  adapterSuite(kit({}));

  describe("with quorum queues", () => adapterSuite(kit({ queueType: "quorum" })));
});
