import { Backoff, type Client } from "./client.js";
import { answerOf, type KafkaRecord } from "./link.js";
import type { KafkaOptions } from "./options.js";
import { Progress } from "./progress.js";

/** ms for which the broker holds a question when there is nothing new; what is new is given at once. */
const LONG_POLL = 500;
/** ms after which a topic that is said not to be there is gone: while leaders change, a broker may be wrong. */
const GONE_TIME = 3000;

export interface ReaderEvents {
  /** Gives a record; `done` is called when it was dealt with. */
  take(record: KafkaRecord, done: () => void): void;
  /** How the last question went. */
  health(error: Error | undefined): void;
  /** The topic is no more, so reading has ended. */
  gone(): void;
}

/** Reads a topic from an offset on, over a connection of its own, for ever; and no further ahead than `buffer`. */
export class Reader {
  readonly progress: Progress;
  readonly #end = new AbortController();
  #offset: number;

  constructor(
    private readonly client: Client,
    readonly topic: string,
    from: number,
    private readonly options: Pick<KafkaOptions, "buffer" | "maxBackoff">,
    private readonly events: ReaderEvents,
  ) {
    this.#offset = from;
    this.progress = new Progress(from);
    void this.#run();
  }

  /** Ends it at once; what was taken may still be done. */
  close(): void {
    this.#end.abort();
    this.client.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    const backoff = new Backoff(this.options.maxBackoff);
    let missingSince: number | undefined;
    while (!signal.aborted) {
      try {
        await this.#step();
        missingSince = undefined;
        backoff.reset();
      } catch (error) {
        if (signal.aborted) return;
        const missing = answerOf(error) === "UNKNOWN_TOPIC_OR_PARTITION";
        missingSince = missing ? (missingSince ?? Date.now()) : undefined;
        if (missingSince !== undefined && Date.now() - missingSince >= GONE_TIME) {
          this.close();
          this.events.gone();
          return;
        }
        if (!missing) this.events.health(error instanceof Error ? error : new Error(String(error)));
        await backoff.wait(signal);
      }
    }
  }

  async #step(): Promise<void> {
    const { records } = await this.client.run((link) => this.#fetch(link));
    if (this.#end.signal.aborted) return;
    this.events.health(undefined);
    for (const record of records) {
      this.#offset = record.offset + 1;
      this.events.take(record, this.progress.take(record.offset));
    }
    await this.progress.room(this.options.buffer);
  }

  async #fetch(link: Parameters<Parameters<Client["run"]>[0]>[0]): Promise<{ records: KafkaRecord[] }> {
    try {
      return await link.fetch(this.topic, this.#offset, LONG_POLL);
    } catch (error) {
      if (answerOf(error) !== "OFFSET_OUT_OF_RANGE") throw error;
      // Older records were deleted while the node was cut off, or the broker has lost the latest.
      const [beginning, end] = [await link.beginningOf(this.topic), await link.endOf(this.topic)];
      this.#offset = this.#offset < beginning ? beginning : end;
      this.progress.skipTo(this.#offset);
      return { records: [] };
    }
  }
}
