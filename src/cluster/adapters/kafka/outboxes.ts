import type { Client } from "./client.js";
import type { KafkaOptions } from "./options.js";
import { Outbox } from "./outbox.js";

/** ms between two looks for those that are not used any more. */
const SWEEP = 60_000;

/** The outbox of each topic, as long as something is sent to it now and then. */
export class Outboxes {
  #used = new Map<string, Outbox>();
  #before = new Map<string, Outbox>();
  #swept = Date.now();

  constructor(
    private readonly client: Client,
    private readonly options: KafkaOptions,
    private readonly down: () => Error | undefined,
  ) {}

  of(topic: string): Outbox {
    this.#sweep();
    let outbox = this.#used.get(topic) ?? this.#before.get(topic);
    outbox ??= new Outbox(this.client, topic, this.options, this.down);
    this.#used.set(topic, outbox);
    return outbox;
  }

  /** Resolves when nothing waits any more, sent or not. */
  async flush(): Promise<void> {
    await Promise.all([...this.#before.values(), ...this.#used.values()].map((outbox) => outbox.flush()));
  }

  #sweep(): void {
    if (Date.now() - this.#swept < SWEEP) return;
    this.#swept = Date.now();
    // One in which something waits goes on, and its order with it.
    const busy = [...this.#before].filter(([, outbox]) => !outbox.idle);
    this.#before = new Map([...busy, ...this.#used]);
    this.#used = new Map();
  }
}
