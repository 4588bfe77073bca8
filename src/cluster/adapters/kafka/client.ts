import { setTimeout as wait } from "node:timers/promises";
import { answerOf, isFinal, Link, type Note, type TopicConfig } from "./link.js";
import type { KafkaOptions } from "./options.js";

const FIRST_BACKOFF = 50;

/** A link that is opened when it is needed, and anew when it was lost. */
export class Client {
  #link: Promise<Link> | undefined;
  /** Which of the brokers is asked for the others. */
  #turn: number;
  readonly #closing = new AbortController();

  constructor(
    private readonly options: KafkaOptions,
    private readonly anchor: { topic: string; config: TopicConfig },
    private readonly note: Note,
  ) {
    // Nodes are to spread over the brokers.
    this.#turn = Math.floor(Math.random() * options.brokers.length);
  }

  /** Aborted when it is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** Does it once. @throws Error also when the broker cannot be reached. */
  async run<T>(work: (link: Link) => Promise<T>): Promise<T> {
    this.#closing.signal.throwIfAborted();
    this.#link ??= this.#open();
    const link = await this.#link;
    try {
      return await work(link);
    } catch (error) {
      if (answerOf(error) === undefined) this.#lose(link);
      throw error;
    }
  }

  /**
   * Does it until it succeeds; between two attempts there is a growing delay.
   * @throws Error what the last attempt said: it is of no use to go on, or the signal was given
   */
  async persist<T>(work: (link: Link) => Promise<T>, until = this.closed): Promise<T> {
    const signal = AbortSignal.any([until, this.closed]);
    const backoff = new Backoff(this.options.maxBackoff);
    signal.throwIfAborted();
    for (;;) {
      try {
        return await this.run(work);
      } catch (error) {
        if (isFinal(error)) throw error;
        await backoff.wait(signal);
        if (signal.aborted) throw error;
      }
    }
  }

  /** Ends its connections at once. */
  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(new Error("the connection to the broker was closed"));
    void this.#link?.then(
      (link) => link.close(),
      () => undefined,
    );
  }

  async #open(): Promise<Link> {
    const { brokers } = this.options;
    try {
      const link = await Link.open(
        brokers[this.#turn % brokers.length],
        this.options,
        this.anchor,
        this.note,
      );
      if (this.#closing.signal.aborted) link.close();
      return link;
    } catch (error) {
      this.#link = undefined;
      this.#turn += 1;
      throw error;
    }
  }

  #lose(link: Link): void {
    link.close();
    void this.#link?.then(
      (current) => {
        if (current === link) this.#link = undefined;
      },
      () => undefined,
    );
  }
}

/** Delays that double up to a bound, each with some chance in it so that nodes do not come all at once. */
export class Backoff {
  #next = FIRST_BACKOFF;

  /** @param most ms */
  constructor(private readonly most: number) {}

  reset(): void {
    this.#next = FIRST_BACKOFF;
  }

  /** Ends early when the signal is given, without an error. */
  async wait(signal: AbortSignal): Promise<void> {
    const ms = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.most);
    await wait(ms, undefined, { signal }).catch(() => undefined);
  }
}
