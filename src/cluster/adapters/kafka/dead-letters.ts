import type { ClusterMessage, DeadLetter, NodeId } from "../../adapter.js";
import { Backoff } from "./client.js";
import type { Ledger } from "./ledger.js";
import { toMessage, toRecord } from "./wire.js";

/** Messages that were set aside, of all nodes. */
export class DeadLetters {
  #added = 0;

  /** @param most how many are kept */
  constructor(
    private readonly ledger: Ledger,
    private readonly most: number,
    private readonly maxBackoff: number,
    /** ms that an admin waits for the broker. */
    private readonly patience: number,
  ) {}

  /** Goes on until the broker has it. @throws Error when the signal is given */
  async add(to: NodeId, message: ClusterMessage, reason: unknown, signal: AbortSignal): Promise<void> {
    const text = reason instanceof Error ? reason.message : String(reason);
    const { value, headers } = toRecord(message, message.body);
    const more = { to: Buffer.from(to), reason: Buffer.from(text), at: Buffer.from(String(Date.now())) };
    const backoff = new Backoff(this.maxBackoff);
    for (;;) {
      try {
        await this.ledger.put(message.id, value ?? Buffer.alloc(0), { ...headers, ...more });
        break;
      } catch (error) {
        if (signal.aborted) throw error;
        await backoff.wait(signal);
      }
    }
    this.#added += 1;
    // Not at each: the whole topic has to be read for that.
    if (this.#added % Math.ceil(this.most / 10) === 0) await this.#trim(signal);
  }

  /** Oldest first. */
  async list(): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for (const record of await this.#readSoon()) {
      const message = toMessage(record);
      if (!message) continue;
      const { to, reason, at } = record.headers;
      letters.push({ ...message, to: `${to}`, reason: `${reason}`, at: new Date(Number(at)) });
    }
    return letters.slice(-this.most);
  }

  async drop(id: string): Promise<boolean> {
    const there = (await this.#readSoon()).some(({ name }) => name === id);
    if (there) await this.ledger.remove(id);
    return there;
  }

  #readSoon(): ReturnType<Ledger["read"]> {
    return this.ledger.read(AbortSignal.timeout(this.patience));
  }

  async #trim(signal: AbortSignal): Promise<void> {
    const all = await this.ledger.read(signal);
    const old = all.slice(0, -this.most);
    // One that cannot be removed now is removed the next time.
    await Promise.allSettled(old.map(({ name }) => this.ledger.remove(name)));
  }
}
