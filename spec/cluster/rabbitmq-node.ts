/**
 * One node in a process of its own, for `rabbitmq.spec.ts`: it tells what it begins to receive, never gets done with it, and
 * tells its state.
 */
import { adapter } from "../../src/cluster/adapters/rabbitmq.js";

export type News = { is: "up" | "down" | "gone" } | { is: "begun"; text: string };

const [name, options] = process.argv.slice(2);
const silent = { info: () => undefined, warn: () => undefined };
const node = adapter.create(adapter.options.parse(JSON.parse(options)), silent);
const tell = (news: News) => process.send?.(news);

process.on("disconnect", () => process.exit());
await node.start(
  name,
  (message) => {
    tell({ is: "begun", text: Buffer.from(message.body).toString() });
    return new Promise(() => undefined);
  },
  (state) => tell({ is: state }),
);
