import type { ClusterMessage, DeadLetter, NodeId } from "../../adapter.js";
import { Backoff } from "./backoff.js";
import type { Line } from "./line.js";
import { isMissing, type Link } from "./link.js";
import type { Names } from "./names.js";
import type { RabbitOptions } from "./options.js";
import type { Outbox } from "./outbox.js";
import { lock, unlock } from "./topology.js";
import { fromLetter, toLetter } from "./wire.js";

/** Characters that are kept of a reason. */
const LONGEST_REASON = 4000;

/** Messages that were set aside, of all nodes: a queue that nobody consumes. */
export class DeadLetters {
  /** Those of this node who look at it, one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly line: Line,
    private readonly outbox: Outbox,
    private readonly names: Names,
    private readonly options: RabbitOptions,
  ) {}

  /** Goes on until the broker has it. @throws Error when the signal is given */
  async add(to: NodeId, message: ClusterMessage, reason: unknown, signal: AbortSignal): Promise<void> {
    const text = reason instanceof Error ? reason.message : String(reason);
    const letter = toLetter({ ...message, to, reason: text.slice(0, LONGEST_REASON), at: new Date() });
    const backoff = new Backoff(this.options.maxBackoff);
    for (;;) {
      try {
        await this.outbox.send(this.names.deadLetters, "", letter, { mandatory: true, persistent: true });
        return;
      } catch (error) {
        await backoff.wait(signal);
        if (signal.aborted) throw error;
      }
    }
  }

  /** Oldest first. */
  list(limit: number): Promise<DeadLetter[]> {
    return this.#alone(async (link) => {
      const letters: DeadLetter[] = [];
      await this.#look(
        link,
        (letter) => {
          letters.push(letter);
          return "keep";
        },
        limit,
      );
      return letters;
    });
  }

  async drop(id: string): Promise<boolean> {
    return this.#alone(async (link) => {
      let found = false;
      await this.#look(link, (letter) => {
        found = letter.id === id;
        return found ? "drop" : "keep";
      });
      return found;
    });
  }

  /**
   * Looks at one after the other, up to one that is dropped. They are taken without an acknowledgement, so the broker puts
   * them back in their places when the channel ends.
   */
  async #look(
    link: Link,
    decide: (letter: DeadLetter) => "keep" | "drop",
    limit = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const look = link.ask(async (channel) => {
      for (let count = 0; count < limit; count++) {
        const message = await channel.get(this.names.deadLetters);
        if (!message) return;
        if (decide(fromLetter(message.content)) === "keep") continue;
        channel.ack(message);
        return;
      }
    });
    await look.catch((error: unknown) => {
      // Somebody has deleted it with all that was in it; it is made anew.
      if (!isMissing(error)) throw error;
    });
  }

  /** Does it while nobody else looks: what one looks at the others do not see. */
  #alone<T>(work: (link: Link) => Promise<T>): Promise<T> {
    const mine = this.#turn.then(async () => {
      const { link } = this.line;
      const name = this.names.deadLettersLock;
      const deadline = Date.now() + this.options.sendTimeout;
      const backoff = new Backoff(50, 5);
      while (!(await lock(link, name))) {
        if (Date.now() > deadline) throw new Error("somebody else is looking at the dead letters");
        await backoff.wait(link.lost);
      }
      try {
        return await work(link);
      } finally {
        await unlock(link, name);
      }
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}
