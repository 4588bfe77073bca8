/** One node in a process of its own, for `ipc.spec.ts`: it does what its parent tells it and tells what it hears. */

import type { ClusterMessage } from "../../src/cluster/adapter.js";
import { ipcOptions } from "../../src/cluster/adapters/ipc/options.js";
import { IpcAdapter } from "../../src/cluster/adapters/ipc.js";

export type Command =
  /** From now on receiving waits, or goes on. */
  { do: "hold" | "free" | "stop" } | { do: "send"; to: string; text: string } | { do: "adopt"; dead: string };

export type News =
  | { is: "up" | "down" | "gone" | "sent" | "refused" }
  | { is: "begun" | "heard" | "adopted"; text: string; key: string }
  | { is: "drained"; count: number };

const [folder, name] = process.argv.slice(2);
const adapter = new IpcAdapter(ipcOptions.parse({ folder, patience: 200, leaveTimeout: 300 }), {
  info: () => undefined,
  warn: () => undefined,
});

let held = false;
let free: () => void = () => undefined;
let freed = Promise.resolve();

/** Resolves when it is out: what this process was heard to say it has said before it was killed. */
function tell(news: News): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(news, undefined, {}, (error) => (error ? reject(error) : resolve()));
  });
}

const receive = (is: "heard" | "adopted") => async (message: ClusterMessage) => {
  const news = { key: message.key, text: Buffer.from(message.body).toString() };
  await tell({ is: "begun", ...news });
  if (held) await freed;
  await tell({ is, ...news });
};

async function obey(command: Command): Promise<void> {
  if (command.do === "hold") {
    held = true;
    freed = new Promise((resolve) => {
      free = resolve;
    });
  } else if (command.do === "free") {
    held = false;
    free();
  } else if (command.do === "send") {
    const sent = adapter.send(command.to, "k", Buffer.from(command.text));
    await tell({
      is: await sent.then(
        () => "sent" as const,
        () => "refused" as const,
      ),
    });
  } else if (command.do === "adopt") {
    await tell({ is: "drained", count: await adapter.adopt(command.dead, receive("adopted")) });
  } else {
    await adapter.stop();
    process.disconnect();
  }
}

process.on("message", (command: Command) => void obey(command));
await adapter.start(name, receive("heard"), (state) => void tell({ is: state }));
