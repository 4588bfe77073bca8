import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { NodeId } from "./adapter.js";
import { encode, type Item, stanzaItem, targetOf } from "./envelope.js";

export interface LinkOptions {
  /** Items that may wait for a node before senders are read more slowly; with four times as many, stanzas are given back. */
  maxQueued: number;
  /** Characters of them, likewise. */
  maxQueuedSize: number;
  /** Batches sent and not confirmed. What comes meanwhile makes the next ones larger. */
  window: number;
  /** Items of one batch. */
  batch: number;
  /** Characters of one batch, unless one item has more. */
  batchSize: number;
  /** ms before the first retry; doubled each time. */
  retry: number;
  /** ms between retries at the most. */
  maxRetry: number;
}

export const LINK_DEFAULTS: LinkOptions = {
  maxQueued: 20_000,
  maxQueuedSize: 32 * 1024 ** 2,
  window: 16,
  batch: 500,
  batchSize: 256 * 1024,
  retry: 100,
  maxRetry: 2000,
};

/** How many times the bounds may be exceeded. */
const HARD = 4;

interface Queued {
  item: Item;
  size: number;
  /** The stanza that the next one is compared with: the same for many recipients travels once. */
  stanza: Stanza | undefined;
}

/** A batch on its way. */
interface Sent {
  bytes: Uint8Array;
  size: number;
  confirmed: boolean;
}

/**
 * The way to one other node: what is put in arrives there once and in order, as long as both live. What is said within one
 * turn of the event loop travels together, and more where the broker is slower. When a batch cannot be sent, it and all
 * after it are sent again; the receiver passes over what it has.
 */
export class Link {
  #queue: Queued[] = [];
  #size = 0;
  #sent: Sent[] = [];
  #number = 0;
  /** The next batch says that what is missing before it will not come. */
  #restarted = false;
  /** The first batch that is sent again, alone: whether it arrives tells whether the way is clear. */
  #probe: Sent | undefined;
  #underWay = 0;
  #failures = 0;
  #scheduled = false;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #waiting: (() => void)[] = [];
  /** When something was last sent, ms since 1970. */
  lastSent = 0;
  /** When the broker last said anything of what was sent, ms since 1970. */
  lastAnswer = Date.now();

  constructor(
    readonly node: NodeId,
    private readonly send: (bytes: Uint8Array) => Promise<void>,
    private readonly options: LinkOptions,
    /** It does not work, or works again. */
    private readonly onState: (broken: boolean, why?: unknown) => void,
  ) {}

  /** The last attempt to send failed. */
  get broken(): boolean {
    return this.#failures > 0;
  }

  /** Items that wait. */
  get queued(): number {
    return this.#queue.length;
  }

  /** All that was put in has arrived. */
  get idle(): boolean {
    return this.#queue.length === 0 && this.#sent.length === 0;
  }

  /** No stanza may be added. */
  get overfull(): boolean {
    const { maxQueued, maxQueuedSize } = this.options;
    return this.#queue.length >= HARD * maxQueued || this.#size >= HARD * maxQueuedSize;
  }

  /** Undefined while there is room; otherwise resolves when there is. */
  room(): Promise<void> | undefined {
    return this.#hasRoom ? undefined : new Promise((resolve) => this.#waiting.push(resolve));
  }

  get #hasRoom(): boolean {
    const { maxQueued, maxQueuedSize } = this.options;
    return this.#queue.length < maxQueued && this.#size < maxQueuedSize;
  }

  put(item: Item, size = 100): void {
    this.#put({ item, size, stanza: undefined });
  }

  /** A stanza for one of the node's resources; `number` 0 = no receipt. */
  putStanza(stanza: Stanza, full: Jid, number: number, kept?: { account: { id: number }; id: number }): void {
    const last = this.#queue[this.#queue.length - 1];
    if (number === 0 && last?.stanza?.shares(stanza)) {
      (last.item as Extract<Item, ["stanza", ...unknown[]]>)[4].push(targetOf(stanza, full));
      last.size += full.text.length;
      this.#size += full.text.length;
      return;
    }
    const item = stanzaItem(stanza, full, number, kept);
    this.#put({ item, size: stanza.inner.length + 200, stanza: number === 0 ? stanza : undefined });
  }

  /** The broker is there again: what waits for the next attempt need not. */
  retryNow(): void {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#sendAgain();
  }

  /**
   * The receiver misses a batch. Unless that is among those still to be confirmed, the broker has lost it: what is put in
   * now begins anew.
   */
  restart(): boolean {
    if (this.broken || this.#sent.length > 0) return false;
    this.#restarted = true;
    return true;
  }

  /** The node is gone. What was not confirmed is forgotten; whoever wants to know has receipts. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#queue = [];
    this.#sent = [];
    this.#size = 0;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #put(queued: Queued): void {
    if (this.#closed) return;
    this.#queue.push(queued);
    this.#size += queued.size;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.broken && this.#queue.length > 0 && this.#sent.length < this.options.window) {
      const batch = this.#take();
      this.#sent.push(batch);
      this.#transmit(batch);
    }
    if (this.#hasRoom) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #take(): Sent {
    const { batch, batchSize } = this.options;
    const items: Item[] = [];
    let size = 0;
    for (const one of this.#queue) {
      if (items.length === batch || (items.length > 0 && size + one.size > batchSize)) break;
      items.push(one.item);
      size += one.size;
    }
    this.#queue.splice(0, items.length);
    this.#size -= size;
    const bytes = encode({ n: this.#number, items, ...(this.#restarted && { first: true as const }) });
    this.#number += 1;
    this.#restarted = false;
    return { bytes, size, confirmed: false };
  }

  #transmit(batch: Sent): void {
    this.#underWay += 1;
    this.lastSent = Date.now();
    this.send(batch.bytes).then(
      () => this.#settled(batch),
      (error: unknown) => this.#settled(batch, error ?? new Error("it could not be sent")),
    );
  }

  #settled(batch: Sent, error?: unknown): void {
    this.#underWay -= 1;
    this.lastAnswer = Date.now();
    if (this.#closed) return;
    batch.confirmed = error === undefined;
    if (error !== undefined) this.#failed(error);
    else if (this.#probe === batch) this.#works();
    if (!this.broken) {
      while (this.#sent[0]?.confirmed) this.#sent.shift();
      this.#flush();
    }
  }

  #failed(why: unknown): void {
    this.#probe = undefined;
    if (this.#failures === 0) this.onState(true, why);
    if (this.#retry !== undefined) return;
    this.#failures += 1;
    const { retry, maxRetry } = this.options;
    const wait = Math.min(maxRetry, retry * 2 ** Math.min(10, this.#failures - 1));
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#sendAgain();
      },
      wait * (0.5 + Math.random() / 2),
    );
  }

  /** From the first that failed on: its order must not be overtaken by those after it. */
  #sendAgain(): void {
    if (this.#closed) return;
    if (this.#underWay > 0) {
      // What is still being sent may yet fail, or come after what is sent now.
      this.#retry = setTimeout(() => {
        this.#retry = undefined;
        this.#sendAgain();
      }, this.options.retry);
      return;
    }
    while (this.#sent[0]?.confirmed) this.#sent.shift();
    // The receiver passed over what came without the ones before it.
    for (const batch of this.#sent) batch.confirmed = false;
    const [first] = this.#sent;
    if (!first) this.#works();
    else {
      this.#probe = first;
      this.#transmit(first);
    }
  }

  #works(): void {
    this.#probe = undefined;
    while (this.#sent[0]?.confirmed) this.#sent.shift();
    this.#failures = 0;
    this.onState(false);
    for (const batch of this.#sent) this.#transmit(batch);
    this.#flush();
  }
}
