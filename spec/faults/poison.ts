import type { ClusterAdapter, NodeId } from "../../src/cluster/adapter.js";

/** Sends nodes what none of them can read, by way of their broker. */
export class Poisoner {
  /** What the broker has taken. */
  readonly sent: string[] = [];
  #count = 0;

  private constructor(private readonly adapter: ClusterAdapter) {}

  /** @param adapter of the cluster's broker, not started yet. */
  static async start(adapter: ClusterAdapter): Promise<Poisoner> {
    await adapter.start(
      "poisoner",
      async () => undefined,
      () => undefined,
    );
    return new Poisoner(adapter);
  }

  async poison(node: NodeId): Promise<void> {
    this.#count += 1;
    const text = `poison ${this.#count}`;
    // While the broker is away it takes nothing: then there is nothing to be found later.
    const taken = await this.adapter.send(node, text, Buffer.from(text)).then(
      () => true,
      () => false,
    );
    if (taken) this.sent.push(text);
  }

  /** What was sent and is no dead letter. */
  async missing(): Promise<string[]> {
    const letters = await this.adapter.deadLetters(10 * this.#count + 1);
    const bodies = new Set(letters.map(({ body }) => Buffer.from(body).toString()));
    return this.sent.filter((text) => !bodies.has(text));
  }

  stop(): Promise<void> {
    return this.adapter.stop();
  }
}
