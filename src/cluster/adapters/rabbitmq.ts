import type {
  AdapterLog,
  AdapterModule,
  ClusterAdapter,
  DeadLetter,
  NodeId,
  OnState,
  Receive,
} from "../adapter.js";
import { RabbitNode } from "./rabbitmq/node.js";
import { type RabbitOptions, rabbitOptions } from "./rabbitmq/options.js";

/**
 * Nodes that talk through RabbitMQ. Each has a durable queue as its mailbox, bound to the exchange of what is for one node and
 * to that of what is for all.
 *
 * A node that was only stopped for a while, taken for dead and adopted finds its mailbox gone when it goes on: it is told
 * `down` for good, its sends are refused, and what it had begun to receive may be received by its heir as well. Its process
 * has to start anew, under a new name. A broker that comes back without its data looks the same.
 */
export class RabbitAdapter implements ClusterAdapter {
  #starting: Promise<RabbitNode> | undefined;
  #node: RabbitNode | undefined;
  #stopping: Promise<void> | undefined;

  constructor(
    private readonly options: RabbitOptions,
    private readonly log: AdapterLog,
  ) {}

  async start(self: NodeId, receive: Receive, state: OnState): Promise<void> {
    if (this.#starting !== undefined || this.#stopping !== undefined)
      throw new Error("an adapter is started once");
    this.#starting = RabbitNode.join(self, receive, state, this.options, this.log);
    this.#node = await this.#starting;
  }

  async send(
    to: NodeId | "*",
    key: string,
    body: Uint8Array,
    options?: { durable?: boolean },
  ): Promise<void> {
    await this.#running().send(to, key, body, options?.durable ?? true);
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

  #running(): RabbitNode {
    if (!this.#node || this.#stopping !== undefined) throw new Error("the adapter is not running");
    return this.#node;
  }
}

export const adapter: AdapterModule<RabbitOptions> = {
  name: "rabbitmq",
  options: rabbitOptions,
  create: (options, log) => new RabbitAdapter(options, log),
};
