import { setTimeout as wait } from "node:timers/promises";
import type { ClusterMessage, Receive } from "../../adapter.js";

export interface LaneOptions {
  /** Messages that are received at a time. */
  inFlight: number;
  /** How often a message is tried. */
  attempts: number;
  /** ms between two of them. */
  retryDelay: number;
}

interface Item {
  message: ClusterMessage;
  /** Messages of another topic that the sender sent before; they are to be done first. */
  after: Promise<void> | undefined;
  done: () => void;
}

/** Sets aside what cannot be received. It goes on until it succeeds, and rejects only when the signal is given. */
export type Bury = (message: ClusterMessage, reason: unknown, signal: AbortSignal) => Promise<void>;

/**
 * Hands messages to `receive`: those of one sender with one key one after the other, others at the same time. What fails is
 * tried again in its place.
 */
export class Lanes {
  readonly #lanes = new Map<string, Item[]>();
  readonly #free: (() => void)[] = [];
  readonly #end = new AbortController();
  /** Those that wait for a message of another source. */
  readonly #blocked = new Set<() => void>();
  #running = 0;
  readonly #tasks = new Set<Promise<void>>();

  constructor(
    private readonly options: LaneOptions,
    private readonly receive: Receive,
    private readonly bury: Bury,
  ) {}

  /**
   * @param source where it comes from; between two sources only `after` keeps an order
   * @param done is called when it was received, or set aside
   */
  add(source: string, message: ClusterMessage, done: () => void, after?: Promise<void>): void {
    const name = `${source}\n${message.from}\n${message.key}`;
    const item = { message, done, after };
    const lane = this.#lanes.get(name);
    if (lane) {
      lane.push(item);
      return;
    }
    const items = [item];
    this.#lanes.set(name, items);
    const task = this.#serve(name, items);
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  /** Begins nothing more. Resolves when what was begun has ended; what was not done then is not done. */
  async end(): Promise<void> {
    this.abandon();
    await Promise.all(this.#tasks);
  }

  /** Begins nothing more. */
  abandon(): void {
    this.#end.abort();
    for (const go of [...this.#free.splice(0), ...this.#blocked]) go();
  }

  async #serve(name: string, items: Item[]): Promise<void> {
    const { signal } = this.#end;
    for (let item = items[0]; item && !signal.aborted; item = items[0]) {
      if (item.after !== undefined) await this.#waitFor(item.after);
      await this.#enter();
      const done = !signal.aborted && (await this.#handOver(item.message, signal));
      this.#leave();
      if (!done) return;
      items.shift();
      item.done();
    }
    this.#lanes.delete(name);
  }

  async #waitFor(after: Promise<void>): Promise<void> {
    let go: () => void = () => undefined;
    await new Promise<void>((resolve) => {
      go = resolve;
      this.#blocked.add(go);
      void after.then(resolve);
    });
    this.#blocked.delete(go);
  }

  async #enter(): Promise<void> {
    while (this.#running >= this.options.inFlight && !this.#end.signal.aborted)
      await new Promise<void>((resolve) => this.#free.push(resolve));
    this.#running += 1;
  }

  #leave(): void {
    this.#running -= 1;
    this.#free.shift()?.();
  }

  /** @returns whether it is done with. */
  async #handOver(message: ClusterMessage, signal: AbortSignal): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.receive(message);
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        if (attempt >= this.options.attempts) return this.#setAside(message, error, signal);
        await wait(this.options.retryDelay, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return false;
      }
    }
  }

  async #setAside(message: ClusterMessage, reason: unknown, signal: AbortSignal): Promise<boolean> {
    try {
      await this.bury(message, reason, signal);
      return true;
    } catch {
      // It goes on until it succeeds or is to end. Then the message stays where it is.
      return false;
    }
  }
}
