import { adapter } from "../../src/cluster/adapters/rabbitmq.js";
import { rabbitUrl } from "../support/rabbitmq-broker.js";
import { silentLog } from "../support/silent-log.js";
import { clusterScriptsSuite } from "./scripts.suite.js";

for (const nodes of [2, 3]) {
  describe(`Scripted conversations on ${nodes} nodes, over RabbitMQ`, () => {
    clusterScriptsSuite(nodes, async (context) => {
      const url = await rabbitUrl(context);
      return {
        make: (prefix) => adapter.create(adapter.options.parse({ url, prefix }), silentLog),
      };
    });
  });
}
