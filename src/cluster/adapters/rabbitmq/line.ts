import type { AdapterState, OnState } from "../../adapter.js";
import { Backoff, unless } from "./backoff.js";
import { isFinal, Link } from "./link.js";
import type { RabbitOptions } from "./options.js";

/** It is of no use to go on: the node's mailbox is no more. */
export class Gone extends Error {}

/** A link to the broker that is opened anew for as long as it takes whenever it is lost. */
export class Line {
  readonly #closing = new AbortController();
  readonly #backoff: () => Backoff;
  readonly #urls: string[];
  #turn: number;
  #link: Link | undefined;
  #blocked: Error | undefined;
  #barred: Error | undefined;
  #down: Error | undefined = new Error("not connected yet");
  #told: AdapterState = "down";
  #waiting: (() => void)[] = [];

  /**
   * @param prepare does on each new link what is needed before it can be used
   * @param tell is not told of the first time
   */
  constructor(
    private readonly options: RabbitOptions,
    private readonly prepare: (link: Link) => Promise<void>,
    private readonly tell: OnState,
  ) {
    this.#backoff = () => new Backoff(options.maxBackoff);
    this.#urls = [options.url].flat();
    // Nodes are to spread over the brokers.
    this.#turn = Math.floor(Math.random() * this.#urls.length);
  }

  /** Why nothing can be sent, when it cannot. */
  get down(): Error | undefined {
    return this.#barred ?? this.#down ?? this.#blocked;
  }

  /** Given when it was closed, or ended. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /** @throws Error when the broker cannot be reached until the signal is given, or does not let us in */
  async start(until: AbortSignal): Promise<void> {
    const backoff = this.#backoff();
    for (;;) {
      try {
        await this.#open();
        break;
      } catch (error) {
        if (error instanceof Gone || isFinal(error) || this.closed.aborted) throw error;
        await backoff.wait(until);
        if (until.aborted) throw error;
      }
    }
    this.#told = "up";
    void this.#keep();
  }

  /** The link as soon as there is one. @throws Error when there will be none, or the signal is given */
  async whenUp(until: AbortSignal): Promise<Link> {
    const signal = AbortSignal.any([until, this.closed]);
    while (!this.#link) {
      signal.throwIfAborted();
      await unless(signal, new Promise<void>((resolve) => this.#waiting.push(resolve)));
    }
    return this.#link;
  }

  /** The link. @throws Error when there is none */
  get link(): Link {
    if (!this.#link) throw new Error("the broker is away", { cause: this.#down });
    return this.#link;
  }

  /**
   * The broker confirms or takes something no more. Where a quorum queue has lost its leader, a channel may go on asking that
   * one until it is back, and a new channel does not. A broker that takes nothing at all says so itself.
   */
  doubt(why: Error): void {
    if (!this.#blocked) this.#link?.lose(why);
  }

  /** From now on it counts as down; what is done over it may come to its end. */
  bar(why: Error): void {
    this.#barred = why;
    this.#report();
  }

  /** It will not come back. */
  end(why: Error): void {
    if (this.closed.aborted) return;
    const link = this.#link;
    this.#closing.abort(why);
    this.#lose(why);
    link?.lose(why);
  }

  /** What was sent before arrives. */
  async close(): Promise<void> {
    const link = this.#link;
    this.#closing.abort(new Error("the node has stopped"));
    await link?.close();
    this.#lose(this.closed.reason);
  }

  async #open(): Promise<void> {
    this.#turn = (this.#turn + 1) % this.#urls.length;
    this.#blocked = undefined;
    const link = await Link.open(this.#urls[this.#turn], this.options, (why) => {
      this.#blocked = why;
      this.#report();
    });
    try {
      if (this.closed.aborted) throw this.closed.reason;
      await unless(this.closed, this.prepare(link));
      link.lost.throwIfAborted();
    } catch (error) {
      link.lose(error as Error);
      throw error;
    }
    this.#link = link;
    this.#down = undefined;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  async #keep(): Promise<void> {
    while (!this.closed.aborted) {
      const { lost } = this.link;
      if (!lost.aborted)
        await new Promise<void>((resolve) => lost.addEventListener("abort", () => resolve(), { once: true }));
      this.#lose(lost.reason);
      await this.#reopen();
      this.#report();
    }
  }

  async #reopen(): Promise<void> {
    const backoff = this.#backoff();
    while (!this.closed.aborted) {
      try {
        return await this.#open();
      } catch (error) {
        if (error instanceof Gone) return this.end(error);
        if (this.closed.aborted) return;
        this.#down = error as Error;
      }
      await backoff.wait(this.closed);
    }
  }

  #lose(why: Error): void {
    this.#link = undefined;
    this.#down = why;
    this.#report();
  }

  #report(): void {
    const { down } = this;
    const now = this.closed.reason instanceof Gone ? "gone" : down ? "down" : "up";
    if (now === this.#told) return;
    this.#told = now;
    this.tell(now, down);
  }
}
