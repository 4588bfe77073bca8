import type { Client } from "./client.js";
import { answerOf, type KafkaRecord, type Link, type NewRecord } from "./link.js";
import { GoneError, type Outbox } from "./outbox.js";

/** A compacted topic as a small table: what was written last under a key counts. */
export class Ledger {
  constructor(
    private readonly client: Client,
    private readonly topic: string,
    private readonly outbox: Outbox,
    /** Makes the topic, if somebody has deleted it. */
    private readonly make: () => Promise<unknown>,
  ) {}

  put(key: string, value: Uint8Array, headers: Record<string, Buffer> = {}): Promise<void> {
    return this.#send({ key: Buffer.from(key), value: Buffer.from(value), headers });
  }

  remove(key: string): Promise<void> {
    return this.#send({ key: Buffer.from(key), value: null, headers: {} });
  }

  async #send(record: NewRecord): Promise<void> {
    try {
      await this.outbox.send(record);
    } catch (error) {
      if (!(error instanceof GoneError)) throw error;
      await this.make();
      await this.outbox.send(record);
    }
  }

  /** What stands in it, in the order written. */
  read(until?: AbortSignal): Promise<(KafkaRecord & { name: string })[]> {
    return this.client.persist(async (link) => {
      try {
        return await this.#read(link);
      } catch (error) {
        if (answerOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") await this.make();
        throw error;
      }
    }, until);
  }

  async #read(link: Link): Promise<(KafkaRecord & { name: string })[]> {
    link.forget(this.topic);
    const found = new Map<string, KafkaRecord & { name: string }>();
    const end = await link.endOf(this.topic);
    let offset = await link.beginningOf(this.topic);
    while (offset < end) {
      const { records } = await link.fetch(this.topic, offset, 0);
      for (const record of records) {
        const name = record.key?.toString() ?? "";
        found.delete(name);
        if (record.value) found.set(name, { ...record, name });
      }
      // Of what compaction has emptied nothing is given, and it is far smaller than what one fetch takes.
      offset = (records.at(-1)?.offset ?? end) + 1;
    }
    return [...found.values()];
  }
}
