import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import {
  addTarget,
  type Item,
  type Outcome,
  partsOf,
  type StanzaItem,
  sizeOf,
  stanzaItem,
} from "./envelope.js";

export interface BacklogOptions {
  /** Items that may wait for a node before senders are read more slowly; with four times as many, no more are taken. */
  maxQueued: number;
  /** Characters of them, likewise. */
  maxQueuedSize: number;
  /** Items of one batch. */
  batch: number;
  /** Characters of one batch; an item that has more is cut into parts. */
  batchSize: number;
}

/** Receipts that are told in one item. */
const MAX_RECEIPTS = 100;
/** How many times the bounds may be exceeded. */
const HARD = 4;

interface Queued {
  item: Item;
  size: number;
  /** The stanza that the next one is compared with: the same for many recipients travels once. Nobody has its receipt. */
  stanza: Stanza | undefined;
  /** One of a long tale: with it the next one follows. */
  tale: boolean;
}

/** What waits to be said to another node, in order. */
export class Backlog {
  #queue: Queued[] = [];
  #size = 0;
  #tale: Iterator<Item> | undefined;

  /** @param added is told of items, and their characters */
  constructor(
    private readonly options: BacklogOptions,
    private readonly added: (items: number, size: number) => void,
  ) {}

  get length(): number {
    return this.#queue.length;
  }

  /** Characters. */
  get size(): number {
    return this.#size;
  }

  get hasRoom(): boolean {
    const { maxQueued, maxQueuedSize } = this.options;
    return this.#queue.length < maxQueued && this.#size < maxQueuedSize;
  }

  /** Nothing may be added. */
  get isOverfull(): boolean {
    const { maxQueued, maxQueuedSize } = this.options;
    return this.#queue.length >= HARD * maxQueued || this.#size >= HARD * maxQueuedSize;
  }

  /** @param size characters, roughly */
  put(item: Item, size: number): void {
    this.#put({ item, size, stanza: undefined, tale: false });
  }

  /** A stanza for one of the node's resources; `number` 0 = no receipt. */
  putStanza(stanza: Stanza, full: Jid, number: number, kept?: { account: { id: number }; id: number }): void {
    const last = this.#queue[this.#queue.length - 1];
    if (number === 0 && last?.stanza?.shares(stanza)) {
      addTarget(last.item as StanzaItem, stanza, full);
      last.size += full.text.length;
      this.#size += full.text.length;
      this.added(0, full.text.length);
      return;
    }
    const item = stanzaItem(stanza, full, number, kept);
    const size = item[1].length + 100;
    this.#put({ item, size, stanza: number === 0 ? stanza : undefined, tale: false });
  }

  /** What became of a stanza of that node's; neighbours of which the same is to be told are told together. */
  putReceipt(number: number, outcome: Outcome): void {
    const last = this.#queue[this.#queue.length - 1]?.item;
    if (last?.[0] === "receipts" && last[2] === outcome && last[1].length < MAX_RECEIPTS)
      last[1].push(number);
    else this.put(["receipts", [number], outcome], 10 * MAX_RECEIPTS);
  }

  /** More than should wait at once: each item is made when the one before it has gone. A new tale ends the one before. */
  tell(tale: Iterator<Item>): void {
    this.#tale = tale;
    if (!this.#queue.some((one) => one.tale)) this.#goOn();
  }

  /** Removes what is to travel together. */
  take(): Item[] {
    const { batch, batchSize } = this.options;
    const items: Item[] = [];
    let size = 0;
    let wentOn = false;
    for (const one of this.#queue) {
      if (items.length === batch || (items.length > 0 && size + one.size > batchSize)) break;
      items.push(one.item);
      size += one.size;
      wentOn ||= one.tale;
    }
    this.#queue.splice(0, items.length);
    this.#size -= size;
    if (wentOn) this.#goOn();
    return items;
  }

  /** Forgets all. @returns the stanzas of which nobody has a receipt */
  clear(): Stanza[] {
    const stanzas = this.#queue.flatMap(({ stanza }) => (stanza ? [stanza] : []));
    this.#queue = [];
    this.#size = 0;
    this.#tale = undefined;
    return stanzas;
  }

  #goOn(): void {
    const next = this.#tale?.next();
    if (next?.done === false)
      this.#put({ item: next.value, size: sizeOf(next.value), stanza: undefined, tale: true });
    else this.#tale = undefined;
  }

  #put(queued: Queued): void {
    if (queued.size > this.options.batchSize) {
      const parts = partsOf(queued.item, this.options.batchSize / 2);
      for (const [index, item] of parts.entries())
        this.#add({
          item,
          size: sizeOf(item),
          stanza: undefined,
          tale: queued.tale && index === parts.length - 1,
        });
    } else {
      this.#add(queued);
    }
  }

  #add(queued: Queued): void {
    this.#queue.push(queued);
    this.#size += queued.size;
    this.added(1, queued.size);
  }
}
