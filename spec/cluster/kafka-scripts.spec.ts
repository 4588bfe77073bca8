import { adapter } from "../../src/cluster/adapters/kafka.js";
import { kafkaBrokers } from "../support/kafka-broker.js";
import { silentLog } from "../support/silent-log.js";
import { clusterScriptsSuite } from "./scripts.suite.js";

for (const nodes of [2, 3]) {
  describe(`Scripted conversations on ${nodes} nodes, over Kafka`, () => {
    clusterScriptsSuite(nodes, async (context) => {
      const brokers = await kafkaBrokers(context);
      return {
        make: (prefix) => adapter.create(adapter.options.parse({ brokers, prefix }), silentLog),
      };
    });
  });
}
