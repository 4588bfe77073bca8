import { setTimeout as wait } from "node:timers/promises";
import type { ClusterMessage, Receive } from "../../adapter.js";

export interface LaneOptions {
  /** Messages that are received at a time. */
  inFlight: number;
  /** Messages that the broker hands out before it hears of one. */
  prefetch: number;
  /** How often a message is tried. */
  attempts: number;
  /** ms between two of them. */
  retryDelay: number;
}

interface Item {
  message: ClusterMessage;
  /** Tells the broker. After a loss it hands the message over again, and has to be told otherwise. */
  ack: () => void;
}

interface Lane {
  name: string;
  items: Item[];
}

/** Sets aside what cannot be received. It goes on until it succeeds, and rejects only when the signal is given. */
export type Bury = (message: ClusterMessage, reason: unknown, signal: AbortSignal) => Promise<void>;

/**
 * Hands messages to `receive`: those of one sender with one key one after the other, others at the same time. What fails is
 * tried again in its place. What the broker hands over again is not received again.
 */
export class Lanes {
  readonly #lanes = new Map<string, Lane>();
  readonly #ready: Lane[] = [];
  /** What was handed over and is not done, by id. */
  readonly #open = new Map<string, Item>();
  /**
   * What was done last. The broker may not have heard of it when the connection is lost: of at most `prefetch`, since it
   * hands out no more without hearing of one.
   */
  readonly #recent = new Set<string>();
  readonly #end = new AbortController();
  #running = 0;
  #done = 0;
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  constructor(
    private readonly options: LaneOptions,
    private readonly receive: Receive,
    private readonly bury: Bury,
  ) {}

  /** Messages that were received, or set aside. */
  get done(): number {
    return this.#done;
  }

  /** @param ack is called when it was received, or set aside */
  add(message: ClusterMessage, ack: () => void): void {
    if (this.#end.signal.aborted) return;
    const { id, from, key } = message;
    const known = this.#open.get(id);
    if (known) known.ack = ack;
    else if (this.#recent.has(id)) ack();
    else {
      const item = { message, ack };
      this.#open.set(id, item);
      const name = `${from.length} ${from}${key}`;
      const lane = this.#lanes.get(name);
      if (lane) lane.items.push(item);
      else {
        const fresh = { name, items: [item] };
        this.#lanes.set(name, fresh);
        this.#ready.push(fresh);
        this.#pump();
      }
    }
  }

  /** Resolves when all that was handed over is done. */
  settled(): Promise<void> {
    return this.#when(() => this.#open.size === 0);
  }

  /** Begins nothing more. Resolves when what was begun has ended; what was not done then is not done. */
  end(): Promise<void> {
    this.abandon();
    return this.#when(() => this.#running === 0);
  }

  /** Begins nothing more. */
  abandon(): void {
    this.#end.abort();
  }

  #pump(): void {
    while (this.#running < this.options.inFlight && !this.#end.signal.aborted) {
      const lane = this.#ready.shift();
      if (!lane) return;
      this.#running += 1;
      void this.#serve(lane);
    }
  }

  async #serve(lane: Lane): Promise<void> {
    const [item] = lane.items;
    const done = await this.#handOver(item.message, this.#end.signal);
    this.#running -= 1;
    if (done) {
      lane.items.shift();
      this.#settle(item);
      if (lane.items.length > 0) this.#ready.push(lane);
      else this.#lanes.delete(lane.name);
    }
    this.#tell();
    this.#pump();
  }

  #settle({ message: { id }, ack }: Item): void {
    this.#done += 1;
    this.#open.delete(id);
    this.#recent.add(id);
    if (this.#recent.size > 2 * this.options.prefetch) {
      const [oldest] = this.#recent;
      this.#recent.delete(oldest);
    }
    ack();
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

  #when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ condition, resolve });
      this.#tell();
    });
  }

  #tell(): void {
    if (this.#waiting.length === 0) return;
    const still = this.#waiting.filter(({ condition }) => !condition());
    const told = this.#waiting.filter((one) => !still.includes(one));
    this.#waiting = still;
    for (const { resolve } of told) resolve();
  }
}
