/**
 * `node dist/bench/services.js`: starts what the benchmark of clusters needs, as the specs do (PostgreSQL, RabbitMQ and
 * Kafka, each in a temporary folder), prints what to set, and stops them on SIGTERM or Ctrl-C.
 */

/** The specs' servers are stopped at the end of a mocha run. */
const stops: (() => Promise<void>)[] = [];
Object.assign(globalThis, {
  after: (_title: string, stop: () => Promise<void>) => {
    stops.push(() => stop.call({ timeout: () => undefined }));
  },
});
const context = {
  timeout: () => undefined,
  skip: () => {
    throw new Error("it is not installed");
  },
} as unknown as Mocha.Context;

const { emptyDatabase } = await import("../spec/support/databases.js");
console.log(`export BENCH_DATABASE_URL="${await emptyDatabase(context, "postgres")}"`);
const { rabbitUrl } = await import("../spec/support/rabbitmq-broker.js");
console.log(`export AMQP_URL="${await rabbitUrl(context)}"`);
const { kafkaBrokers } = await import("../spec/support/kafka-broker.js");
console.log(`export KAFKA_BROKERS="${(await kafkaBrokers(context)).join(",")}"`);
console.log("# all there; Ctrl-C stops them");

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, async () => {
    for (const stop of stops.reverse()) await stop();
    process.exit(0);
  });
}
setInterval(() => undefined, 60_000);
