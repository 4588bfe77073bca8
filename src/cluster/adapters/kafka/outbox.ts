import { Backoff, type Client } from "./client.js";
import { answerOf, type NewRecord, type ProducerSession } from "./link.js";
import type { KafkaOptions } from "./options.js";
import { NEWS_TIME } from "./topics.js";
import { sizeOf } from "./wire.js";

/** Where nothing can be sent to any more, or never could. */
export class GoneError extends Error {}

/** A sequence is an int32; long before it is used up another session is begun. */
const LAST_SEQUENCE = 2 ** 31 - 1_000_000;
/** What the broker says when it has lost track of a session. */
const SESSION_LOST = ["OUT_OF_ORDER_SEQUENCE_NUMBER", "UNKNOWN_PRODUCER_ID", "INVALID_PRODUCER_EPOCH"];

interface Waiting {
  record: NewRecord;
  size: number;
  resolve: (offset: number) => void;
  reject: (error: Error) => void;
}

/**
 * What is to be sent to one topic. One batch is on its way at a time, and what comes meanwhile makes up the next: the order
 * is kept, and the more there is the less each costs. A batch is sent again as it was until the broker has it, and the
 * broker knows it by its sequence.
 */
export class Outbox {
  #queue: Waiting[] = [];
  #draining: Promise<void> | undefined;
  #session: ProducerSession | undefined;
  #sequence = 0;

  /** @param down says why the broker is away, when it is: then nothing is tried any longer. */
  constructor(
    private readonly client: Client,
    private readonly topic: string,
    private readonly options: KafkaOptions,
    private readonly down: () => Error | undefined,
  ) {}

  get idle(): boolean {
    return this.#draining === undefined;
  }

  /** @returns the offset that it was given. @throws GoneError when there is no such topic */
  send(record: NewRecord): Promise<number> {
    const size = sizeOf(record);
    if (size > this.options.maxMessageSize)
      return Promise.reject(new Error(`a message of ${size} bytes is too large`));
    if (this.#queue.length >= this.options.queue)
      return Promise.reject(new Error(`too much waits for ${this.topic}`));
    return new Promise((resolve, reject) => {
      this.#queue.push({ record, size, resolve, reject });
      this.#draining ??= this.#drain();
    });
  }

  /** Resolves when nothing waits any more, sent or not. */
  async flush(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  async #drain(): Promise<void> {
    // What is sent in the same turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#batchLength());
      try {
        const first = await this.#produce(batch.map(({ record }) => record));
        for (const [i, { resolve }] of batch.entries()) resolve(first + i);
      } catch (error) {
        this.#giveUp(batch, error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#draining = undefined;
  }

  #batchLength(): number {
    let bytes = 0;
    const end = this.#queue.findIndex(({ size }) => {
      bytes += size;
      return bytes > this.options.batchSize;
    });
    return end < 0 ? this.#queue.length : Math.max(1, end);
  }

  #giveUp(batch: readonly Waiting[], error: Error): void {
    // Whether the broker has it is not known, so neither is the sequence that it expects.
    this.#session = undefined;
    const lost = error instanceof GoneError || this.down() ? this.#queue.splice(0) : [];
    for (const { reject } of [...batch, ...lost]) reject(error);
  }

  async #produce(records: readonly NewRecord[]): Promise<number> {
    const began = Date.now();
    const backoff = new Backoff(this.options.maxBackoff / 4);
    for (;;) {
      try {
        return await this.#attempt(records);
      } catch (error) {
        const answer = answerOf(error);
        const tried = Date.now() - began;
        const unknown = answer === "UNKNOWN_TOPIC_OR_PARTITION";
        if (answer === "MESSAGE_TOO_LARGE" || (unknown && tried >= NEWS_TIME))
          throw new GoneError(`there is nobody at ${this.topic}`, { cause: error });
        if (tried >= this.options.sendTimeout) throw error;
        const away = this.down();
        if (away) throw new Error("the broker is away", { cause: away });
        if (answer !== undefined && SESSION_LOST.includes(answer)) this.#session = undefined;
        await backoff.wait(this.client.closed);
      }
    }
  }

  #attempt(records: readonly NewRecord[]): Promise<number> {
    return this.client.run(async (link) => {
      if (!this.#session || this.#sequence > LAST_SEQUENCE) {
        this.#session = await link.newSession();
        this.#sequence = 0;
      }
      const offset = await link.produce(this.topic, records, this.#session, this.#sequence);
      this.#sequence += records.length;
      return offset;
    });
  }
}
