import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { NodeId } from "./adapter.js";
import { Backlog, type BacklogOptions } from "./backlog.js";
import { encode, type Item, type Outcome } from "./envelope.js";
import { Pace, type PaceOptions } from "./pace.js";

export interface LinkOptions extends BacklogOptions, PaceOptions {
  /** Batches sent and not confirmed. What comes meanwhile makes the next ones larger. */
  window: number;
  /** ms before the first retry; doubled each time. */
  retry: number;
  /** ms between retries at the most. */
  maxRetry: number;
}

export const LINK_DEFAULTS: LinkOptions = {
  maxQueued: 20_000,
  maxQueuedSize: 32 * 1024 ** 2,
  maxBehind: 20_000,
  maxBehindSize: 32 * 1024 ** 2,
  patience: 3000,
  window: 16,
  batch: 500,
  batchSize: 256 * 1024,
  retry: 100,
  maxRetry: 2000,
};

/** ms that a receipt may wait for company: less than the store waits for it before it writes the message (MessageLogOptions.gather). */
const LATE = 2;

export interface LinkEvents {
  /** It does not work, or works again. */
  state(broken: boolean, why?: unknown): void;
  /**
   * All that was to be said is forgotten, and what was said may be lost: the node is to be told anew what it has to know.
   * @param stanzas those of which nobody has a receipt
   */
  anew(why: "lost" | "full", stanzas: Stanza[]): void;
  /** Asks the node, with an item of its own. Resolves when it has dealt with all that was put in before. */
  dealtWith(): Promise<unknown>;
  /** The node has far more to deal with than it should, and does not get on; or does again. */
  stuck(isStuck: boolean): void;
}

/** A batch on its way. */
interface Sent {
  n: number;
  bytes: Uint8Array;
  confirmed: boolean;
}

/**
 * The way to one other node: what is put in arrives there once and in order, as long as both live. What is said within one
 * turn of the event loop travels together, and more where the broker is slower. When a batch cannot be sent, it and all
 * after it are sent again; the receiver passes over what it has.
 */
export class Link {
  readonly #backlog: Backlog;
  readonly #pace: Pace;
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
  #late: NodeJS.Timeout | undefined;
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
    private readonly events: LinkEvents,
  ) {
    this.#backlog = new Backlog(options, (items, size) => this.#pace.add(items, size));
    this.#pace = new Pace(options, {
      // A question that finds no place would end all that waits.
      ask: () => (this.#backlog.isOverfull ? Promise.reject(new Error("full")) : events.dealtWith()),
      stuck: (isStuck) => events.stuck(isStuck),
      free: () => this.#letGoOn(),
    });
  }

  /** The last attempt to send failed. */
  get broken(): boolean {
    return this.#failures > 0;
  }

  /** Items that wait. */
  get queued(): number {
    return this.#backlog.length;
  }

  /** All that was put in has arrived. */
  get idle(): boolean {
    return this.#backlog.length === 0 && this.#sent.length === 0;
  }

  /** No stanza may be added. */
  get overfull(): boolean {
    return this.#backlog.isOverfull || this.stuck;
  }

  /** The node takes what it is told, and does not deal with it. */
  get stuck(): boolean {
    return this.#pace.isStuck;
  }

  /**
   * Undefined while there is room, and while the way is not clear or leads nowhere: messages that are kept take another one then.
   * Otherwise resolves when it is so.
   */
  room(): Promise<void> | undefined {
    if (this.broken || this.stuck || this.#hasRoom) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get #hasRoom(): boolean {
    return this.#backlog.hasRoom && this.#pace.hasRoom;
  }

  /** @param size characters, roughly */
  put(item: Item, size = 100): void {
    if (!this.#takesMore()) return;
    this.#backlog.put(item, size);
    this.#schedule();
  }

  /** What became of a stanza that the node has given to this one: it travels with what is said next, or a little later. */
  putReceipt(number: number, outcome: Outcome): void {
    if (!this.#takesMore()) return;
    this.#backlog.putReceipt(number, outcome);
    this.#late ??= setTimeout(() => {
      this.#late = undefined;
      this.#flush();
    }, LATE);
  }

  #takesMore(): boolean {
    if (this.#closed) return false;
    if (!this.#backlog.isOverfull) return true;
    // What was to be said before is of no use without what is said now: it begins anew.
    this.#beginAnew("full");
    return false;
  }

  /** A stanza for one of the node's resources; `number` 0 = no receipt. */
  putStanza(stanza: Stanza, full: Jid, number: number, kept?: { account: { id: number }; id: number }): void {
    if (this.#closed) return;
    this.#backlog.putStanza(stanza, full, number, kept);
    this.#schedule();
  }

  /** A long tale, bit by bit between what else is said. A new one ends the one before. */
  tell(tale: Iterator<Item>): void {
    if (this.#closed) return;
    this.#backlog.tell(tale);
    this.#schedule();
  }

  /** The broker is there again: what waits for the next attempt need not. */
  retryNow(): void {
    if (this.#retry === undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#sendAgain();
  }

  /** The receiver misses a batch. Unless that is still to be confirmed, or sent again, the broker has lost it. */
  isMissing(n: number): void {
    if (this.#closed || n >= this.#number || this.#sent.some((batch) => batch.n === n)) return;
    this.#beginAnew("lost");
  }

  /** The node is gone. What was not confirmed is forgotten; whoever wants to know has receipts. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#late);
    this.#pace.close();
    this.#backlog.clear();
    this.#sent = [];
    this.#letGoOn();
  }

  #beginAnew(why: "lost" | "full"): void {
    const { length, size } = this.#backlog;
    const stanzas = this.#backlog.clear();
    this.#pace.forget(length, size);
    this.#restarted = true;
    this.events.anew(why, stanzas);
  }

  #letGoOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.broken && this.#backlog.length > 0 && this.#sent.length < this.options.window) {
      const batch = this.#take();
      this.#sent.push(batch);
      this.#transmit(batch);
    }
    if (this.#hasRoom) this.#letGoOn();
  }

  #take(): Sent {
    const items = this.#backlog.take();
    const n = this.#number;
    const bytes = encode({ n, items, ...(this.#restarted && { first: true as const }) });
    this.#number += 1;
    this.#restarted = false;
    return { n, bytes, confirmed: false };
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
    if (this.#failures === 0) {
      this.#pace.pause();
      this.events.state(true, why);
      this.#letGoOn();
    }
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
    this.#pace.resume();
    this.events.state(false);
    for (const batch of this.#sent) this.#transmit(batch);
    this.#flush();
  }
}
