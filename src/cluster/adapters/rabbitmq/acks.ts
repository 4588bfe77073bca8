import type { Channel, Message } from "amqplib";

/**
 * Tells the broker what was dealt with: once in each turn of the event loop, and as one number for all up to it where nothing
 * before it is open.
 */
export class Acks {
  /** In the order delivered, which is that of the numbers. */
  readonly #open = new Set<number>();
  #done: number[] = [];
  #void = false;

  constructor(private readonly channel: Channel) {
    channel.once("close", () => this.end());
  }

  /** Tells nothing more. */
  end(): void {
    this.#void = true;
  }

  /** @returns what to call when it was dealt with */
  delivered(tag: number): () => void {
    this.#open.add(tag);
    return () => this.#settle(tag);
  }

  #settle(tag: number): void {
    if (!this.#open.delete(tag)) return;
    if (this.#done.length === 0) setImmediate(() => this.flush());
    this.#done.push(tag);
  }

  /** Tells it now. What was delivered on a channel that has ended is delivered again; there is nothing to tell. */
  flush(): void {
    const done = this.#done.sort((a, b) => a - b);
    this.#done = [];
    if (this.#void || done.length === 0) return;
    const [firstOpen = Number.POSITIVE_INFINITY] = this.#open;
    const upTo = done.findLast((tag) => tag < firstOpen);
    if (upTo !== undefined) this.channel.ack(numbered(upTo), true);
    for (const tag of done) if (tag > firstOpen) this.channel.ack(numbered(tag));
  }
}

/** All that the library looks at. */
const numbered = (deliveryTag: number) => ({ fields: { deliveryTag } }) as Message;
