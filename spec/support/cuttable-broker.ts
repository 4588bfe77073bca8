import { randomUUID } from "node:crypto";
import { CuttableProxy } from "./cuttable-proxy.js";
import { kafkaBrokers, sharedKafka } from "./kafka-broker.js";
import { rabbitUrl, sharedRabbit } from "./rabbitmq-broker.js";

/** The broker of this run for a deployment of its own, behind a line that can be cut. */
export interface CuttableBroker {
  adapter: "rabbitmq" | "kafka";
  /** Of the adapter. */
  options: Readonly<Record<string, unknown>>;
  /** The same past the line. */
  direct: Readonly<Record<string, unknown>>;
  proxy: CuttableProxy;
}

/** For a `before` hook, as `rabbitUrl` and `kafkaBrokers`. Where the broker is not ours, the spec is skipped. */
export async function cuttableBroker(
  context: Mocha.Context,
  adapter: CuttableBroker["adapter"],
): Promise<CuttableBroker> {
  const prefix = `spec-${randomUUID().slice(0, 8)}`;
  return adapter === "kafka" ? overKafka(context, prefix) : overRabbit(context, prefix);
}

async function overRabbit(context: Mocha.Context, prefix: string): Promise<CuttableBroker> {
  const url = await rabbitUrl(context);
  const broker = await sharedRabbit();
  if (!broker) return context.skip();
  const proxy = await CuttableProxy.open({ host: "127.0.0.1", port: broker.port });
  const options = { url: broker.urlBehind(proxy.port), prefix };
  return { adapter: "rabbitmq", options, direct: { ...options, url }, proxy };
}

async function overKafka(context: Mocha.Context, prefix: string): Promise<CuttableBroker> {
  const brokers = await kafkaBrokers(context);
  const broker = await sharedKafka();
  if (!broker) return context.skip();
  const { address, proxyPort } = broker.behindProxy;
  const port = Number(address.split(":")[1]);
  // It sends those who come through it back to this port.
  const proxy = await CuttableProxy.open({ host: "127.0.0.1", port }, proxyPort);
  const options = { brokers: [`127.0.0.1:${proxy.port}`], prefix };
  return { adapter: "kafka", options, direct: { ...options, brokers }, proxy };
}
