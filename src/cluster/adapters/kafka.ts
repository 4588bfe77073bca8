import type {
  AdapterLog,
  AdapterModule,
  ClusterAdapter,
  DeadLetter,
  NodeId,
  OnState,
  Receive,
} from "../adapter.js";
import { KafkaNode } from "./kafka/node.js";
import { type KafkaOptions, kafkaOptions } from "./kafka/options.js";

/**
 * Nodes that talk through Kafka. Each has a topic of its own as its mailbox, and all share one for what is sent to all.
 *
 * A node that was only stopped for a while, taken for dead and adopted finds its mailbox gone when it goes on: it is told
 * `down` for good, its sends are refused, and what it had begun to receive may be received by its heir as well. Its process
 * has to start anew, under a new name.
 */
export class KafkaAdapter implements ClusterAdapter {
  #starting: Promise<KafkaNode> | undefined;
  #node: KafkaNode | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    private readonly options: KafkaOptions,
    private readonly log: AdapterLog,
  ) {}

  async start(self: NodeId, receive: Receive, state: OnState): Promise<void> {
    if (this.#starting !== undefined || this.#stopping !== undefined)
      throw new Error("an adapter is started once");
    this.#starting = KafkaNode.join(self, receive, state, this.options, this.log);
    this.#node = await this.#starting;
  }

  async send(to: NodeId | "*", key: string, body: Uint8Array): Promise<void> {
    await this.#running().send(to, key, body);
  }

  async adopt(dead: NodeId, receive: Receive): Promise<number> {
    return this.#running().adopt(dead, receive);
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    return this.#running().deadLetters(limit);
  }

  async dropDeadLetter(id: string): Promise<boolean> {
    return this.#running().dropDeadLetter(id);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends as the process does on `kill -9`; for specs. */
  crash(): void {
    this.#stopping ??= Promise.resolve();
    void this.#starting?.then(
      (node) => node.vanish(),
      () => undefined,
    );
    this.#node?.vanish();
  }

  async #stop(): Promise<void> {
    // A start that failed has left nothing to stop.
    const node = await this.#starting?.catch(() => undefined);
    await node?.leave();
  }

  #running(): KafkaNode {
    if (!this.#node || this.#stopping !== undefined) throw new Error("the adapter is not running");
    return this.#node;
  }
}

export const adapter: AdapterModule<KafkaOptions> = {
  name: "kafka",
  options: kafkaOptions,
  create: (options, log) => new KafkaAdapter(options, log),
};
