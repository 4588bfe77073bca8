import type { Logger } from "../log.js";
import { ownText } from "../xml/own-copy.js";
import type { Ticket } from "../xmpp/stanza.js";
import type { MessageIds } from "./message-id.js";
import type { ReferenceLog } from "./reference-log.js";
import type { Account, Archives, MessageRepository, NewMessage } from "./types.js";

/** The part of the store that takes messages. */
export type MessageWriter = Pick<MessageRepository, "append" | "settle" | "release">;

type EntryState = "queued" | "writing" | "stored" | "settled";

/** What can be made into the text of a message. */
export interface MessageSource {
  toString(): string;
  /** Characters of that text, about. */
  readonly size: number;
  /** Told of the id under which it goes into its sender's archive. */
  readonly onArchived?: ((id: number) => void) | undefined;
}

/** One message for one account on its way into the store and out of it. */
export class LogEntry implements NewMessage {
  state: EntryState = "queued";
  /** It goes, or went, into the database without a mark: it was delivered before. */
  delivered = false;
  readonly size: number;
  #source: { toString(): string };

  constructor(
    readonly id: number,
    readonly account: Account,
    /** Made into text only when it is written. */
    source: MessageSource,
    readonly receivedAt: number,
    public holder: string | undefined,
    /** Released once the message is in the database, or need not be any more. */
    readonly ticket: Ticket | undefined,
    readonly archives?: Archives,
  ) {
    this.#source = source;
    this.size = source.size;
    ticket?.hold();
  }

  get stanza(): string {
    return this.#source.toString();
  }

  /** Nobody wants it any more: its place may remain, the stanza need not. */
  forgetText(): void {
    this.#source = "";
  }

  /** It will wait: from now on it holds its own text, not the stanza with the chunk of input that this was read from. */
  keepOwnText(): void {
    if (typeof this.#source !== "string") this.#source = ownText(this.stanza);
  }
}

export interface MessageLogOptions {
  /** Messages that may wait for the database; beyond that `room()` holds senders back. */
  maxQueued: number;
  /** Characters of them, likewise. */
  maxQueuedSize: number;
  /** Rows of one transaction. */
  batch: number;
  /** ms to gather neighbours before a transaction, unless there are enough. What is delivered meanwhile costs no write. */
  gather: number;
  /**
   * While nobody waits to hear that they are written, messages that are on their way to a session are written when they are
   * between half as old and as old as this: another node has that long to say that it has delivered them.
   */
  patience: number;
  /** ms before a failed transaction is tried again. */
  retry: number;
}

const DEFAULTS: MessageLogOptions = {
  maxQueued: 5000,
  maxQueuedSize: 64 * 1024 ** 2,
  batch: 400,
  gather: 5,
  patience: 60,
  retry: 1000,
};

/**
 * The one write path of messages: everything that must outlive its moment goes through here, is written in groups, and
 * leaves when it was delivered. A message that was delivered before its group is written never touches the disk, unless
 * an archive wants it.
 *
 * While the database fails, what is queued stays queued, nothing becomes durable, and `room()` holds senders back.
 */
export class MessageLog {
  #queue: LogEntry[] = [];
  /** Characters of the queue. */
  #size = 0;
  /** The last attempt failed. */
  #failing = false;
  /** Of the queue, those that need to be written, and are not being. */
  #open = 0;
  #gathering = new Gathering();
  #settled: { account: Account; id: number }[] = [];
  #released: LogEntry[] = [];
  #running: Promise<void> | undefined;
  #waiting: (() => void)[] = [];
  /** Who waits until so many of the queue, of the settled and of the released are written. */
  #flushing: { due: number[]; resolve: () => void }[] = [];
  readonly #options: MessageLogOptions;
  #stopped = false;
  #lastId = 0;

  constructor(
    private readonly messages: MessageWriter,
    private readonly ids: MessageIds,
    private readonly log: Logger,
    options: Partial<MessageLogOptions> = {},
    /** Told of each message written that belongs to archives. */
    private readonly references?: Pick<ReferenceLog, "add">,
  ) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /**
   * Takes a message. It gets its place in the order now; it is durable when its ticket is released.
   * @param archives whose archives it belongs to; undefined: nobody's
   */
  append(
    account: Account,
    stanza: MessageSource,
    holder: string | undefined,
    ticket?: Ticket,
    archives?: Archives,
  ): LogEntry {
    const now = Date.now();
    this.#lastId = this.ids.next(now);
    const entry = new LogEntry(this.#lastId, account, stanza, now, holder, ticket, archives);
    if (archives?.sender) stanza.onArchived?.(entry.id);
    if (this.#failing || this.#open >= this.#options.batch) entry.keepOwnText();
    this.#queue.push(entry);
    this.#size += entry.size;
    this.#open += 1;
    this.#start();
    if (this.#open >= this.#options.batch) this.#gathering.within(0);
    else if (isUrgent(entry)) this.#gathering.within(this.#options.gather);
    return entry;
  }

  /** Takes a message that waits for nobody: it is for the archives alone. */
  archive(stanza: MessageSource, archives: Archives, ticket?: Ticket): void {
    const account = (archives.recipient ?? archives.sender) as Account;
    this.settle(this.append(account, stanza, undefined, ticket, archives));
  }

  /** A place in the order: what was appended before has a lower id, what comes has a higher one. */
  mark(): number {
    return this.ids.next(Date.now());
  }

  /** The id of the message appended last; what comes now stands behind it. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Undefined while there is room; otherwise resolves when there is some again. */
  room(): Promise<void> | undefined {
    if (this.#hasRoom) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get #hasRoom(): boolean {
    const { maxQueued, maxQueuedSize } = this.#options;
    return this.#queue.length < maxQueued && this.#size < maxQueuedSize;
  }

  /** It was delivered: the mark goes. */
  settle(entry: LogEntry): void {
    if (entry.state === "settled") return;
    if (entry.state === "queued" && !entry.archives) {
      this.#open -= 1;
      entry.forgetText();
    }
    if (entry.state === "stored") this.settleStored(entry);
    entry.state = "settled";
  }

  /** The same for one that was read from the database. */
  settleStored(message: { account: Account; id: number }): void {
    this.#settled.push(message);
    this.#start();
    if (this.#settled.length >= this.#options.batch) this.#gathering.within(0);
  }

  /** Nobody holds it any more: it waits for the account's next login. */
  release(entry: LogEntry): void {
    if (entry.state === "settled" || entry.holder === undefined) return;
    entry.holder = undefined;
    this.#gathering.within(this.#options.gather);
    if (entry.state !== "queued") {
      this.#released.push(entry);
      this.#start();
    }
  }

  /** Resolves when all that was appended, settled and released so far is in the database. */
  flushed(): Promise<void> {
    const due = [this.#queue.length, this.#settled.length, this.#released.length];
    if (due.every((count) => count === 0)) return Promise.resolve();
    this.#gathering.within(this.#options.gather);
    return new Promise((resolve) => this.#flushing.push({ due, resolve }));
  }

  /** Writes what is left. Rejects when the database does not take a message that still has to be delivered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#gathering.within(0);
    while (this.#running !== undefined) await this.#running;
    // The attempt that was under way may have failed for a reason that has passed.
    if (this.#queue.length > 0) this.#start();
    await this.#running;
    const lost = this.#queue.filter(isOpen).length;
    if (lost > 0) throw new Error(`${lost} messages could not be written before the stop`);
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  async #run(): Promise<void> {
    const { gather, patience } = this.#options;
    while (this.#queue.length + this.#settled.length + this.#released.length > 0) {
      // A transaction costs as much as thirty messages in it.
      if (!this.#isPressed) await this.#gathering.run(this.#isAwaited ? gather : patience / 2);
      try {
        // A message that is set free is to be found before one that is written after it: they are read in this order.
        while (this.#released.length > 0) await this.#releaseGroup();
        await this.#writeGroup();
        await this.#settleGroup();
        this.#failing = false;
      } catch (error) {
        if (!this.#failing) for (const entry of this.#queue) entry.keepOwnText();
        this.#failing = true;
        this.log.error(
          { err: error, queued: this.#queue.length },
          "messages could not be written; trying again",
        );
        if (this.#stopped) return;
        await pause(this.#options.retry);
      }
    }
  }

  /** There is enough for a transaction, or no time. */
  get #isPressed(): boolean {
    const { batch } = this.#options;
    return this.#open >= batch || this.#settled.length >= batch || this.#stopped;
  }

  /** Somebody waits until all is written. */
  get #isAwaited(): boolean {
    return this.#flushing.length > 0 || this.#queue.some(isUrgent);
  }

  /** From the front, with no more that need to be written than a transaction takes; what is younger may yet be delivered. */
  #nextGroup(): LogEntry[] {
    const { batch, patience } = this.#options;
    const takesAll = this.#isPressed || this.#isAwaited || this.#failing;
    const now = Date.now();
    // A clock that was set back makes nobody wait.
    const isYoung = ({ receivedAt }: LogEntry) => receivedAt > now - patience / 2 && receivedAt <= now;
    let open = 0;
    const end = this.#queue.findIndex(
      (entry) => isOpen(entry) && ((!takesAll && isYoung(entry)) || ++open > batch),
    );
    return end === -1 ? [...this.#queue] : this.#queue.slice(0, end);
  }

  async #writeGroup(): Promise<void> {
    const group = this.#nextGroup();
    const writing = group.filter(isOpen);
    this.#open -= writing.length;
    for (const entry of writing) {
      entry.delivered = entry.state === "settled";
      if (!entry.delivered) entry.state = "writing";
    }
    try {
      if (writing.length > 0) await this.messages.append(writing);
    } catch (error) {
      for (const entry of writing) if (entry.state === "writing") entry.state = "queued";
      this.#open += writing.filter(isOpen).length;
      throw error;
    }
    this.#queue.splice(0, group.length);
    for (const { size } of group) this.#size -= size;
    for (const entry of writing) {
      // The references may keep it for a second.
      entry.forgetText();
      // Delivered while its group was being written: the mark has to go again.
      if (entry.state !== "settled") entry.state = "stored";
      else if (!entry.delivered) this.#settleLate(entry);
      if (entry.archives) this.references?.add(entry as LogEntry & { archives: Archives });
    }
    this.#wrote(0, group.length);
    for (const entry of group) entry.ticket?.release();
    if (this.#hasRoom) for (const resolve of this.#waiting.splice(0)) resolve();
  }

  #settleLate(entry: LogEntry): void {
    this.#settled.push(entry);
    // It may have been settled before they began to wait.
    for (const one of this.#flushing) one.due[1] = this.#settled.length;
  }

  async #settleGroup(): Promise<void> {
    const settled = this.#settled.slice(0, this.#options.batch);
    if (settled.length > 0) await this.messages.settle(settled);
    this.#settled.splice(0, settled.length);
    this.#wrote(1, settled.length);
  }

  async #releaseGroup(): Promise<void> {
    const released = this.#released.slice(0, this.#options.batch);
    const still = released.filter((entry) => entry.state !== "settled");
    if (still.length > 0) await this.messages.release(still);
    this.#released.splice(0, released.length);
    this.#wrote(2, released.length);
  }

  #wrote(list: 0 | 1 | 2, count: number): void {
    for (const one of this.#flushing) one.due[list] -= count;
    const done = this.#flushing.filter(({ due }) => due.every((left) => left <= 0));
    if (done.length === 0) return;
    this.#flushing = this.#flushing.filter((one) => !done.includes(one));
    for (const { resolve } of done) resolve();
  }
}

/** It needs to be written. */
function isOpen({ state, archives }: LogEntry): boolean {
  return state !== "settled" || archives !== undefined;
}

/** Its sender waits to hear of it, or nobody is about to take it. */
function isUrgent(entry: LogEntry): boolean {
  return entry.ticket !== undefined || (entry.holder === undefined && isOpen(entry));
}

/** A pause that can be made shorter while it lasts. */
class Gathering {
  #end: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;

  /** @param ms at most */
  run(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#end = resolve;
      this.#set(ms);
    });
  }

  /** It ends no later than that, if it goes on at all. */
  within(ms: number): void {
    if (this.#end !== undefined && performance.now() + ms < this.#due) this.#set(ms);
  }

  #set(ms: number): void {
    clearTimeout(this.#timer);
    this.#due = performance.now() + ms;
    this.#timer = setTimeout(() => {
      const end = this.#end;
      this.#end = undefined;
      end?.();
    }, ms);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
