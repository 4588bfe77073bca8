import type { LRUCache } from "lru-cache";
import type { Logger } from "../log.js";
import type { Registry } from "../session/registry.js";
import type { Receipt, Resource, Session } from "../session/session.js";
import type { MessageLog } from "../storage/message-log.js";
import type { MessageRepository, PendingMessage } from "../storage/types.js";
import { parseElement } from "../xml/parse.js";
import { LATE, withDelay } from "../xmpp/delay.js";
import { Stanza } from "../xmpp/stanza.js";
import type { Archiving } from "./archiving.js";

/** Messages handed over at a time; the next are read when these are out. */
const PAGE = 50;
/** Characters handed over at a time, unless one message has more. */
const PORTION_SIZE = 256 * 1024;
/** Messages that are only for the moment and wait for their turn in one hand-over; more of them are dropped. */
const MAX_HELD = 100;

/** Gives one session what waits for its account. */
export class Drain {
  /** Messages up to this id were there before: nobody was when they came. */
  readonly #waited: number;
  #held: { stanza: Stanza; receipt: Receipt | undefined; after: number }[] = [];
  #followers = 0;
  /** Messages that other nodes are about to put into the store, by node. */
  readonly #expected = new Map<string, number>();
  #onNews: (() => void) | undefined;
  /** Messages that other nodes hold, and have no more to say about: they are with other sessions. */
  readonly #elsewhere = new Set<number>();
  /** Messages that the session was given and has not said anything of. */
  readonly #outstanding = new Set<number>();
  /** What has gone to the network; a client that does not acknowledge stanzas may not have read it. */
  #unread: PendingMessage[] = [];
  #answersPings = true;
  #isOver = false;
  readonly #back: PendingMessage[] = [];

  constructor(
    readonly session: Session,
    private readonly messages: MessageRepository,
    private readonly log: MessageLog,
    private readonly registry: Registry,
    private readonly logger: Logger,
    private readonly archiving: Archiving,
    private readonly given: LRUCache<number, true>,
    /** Messages that the session left with are in the store again. */
    private readonly onReturned: () => void,
    /** Resolves when a client has read all that it was sent; false when it does not say so. */
    private readonly hasRead: (session: Session) => Promise<boolean>,
  ) {
    this.#waited = log.mark();
  }

  /** What comes for this resource queues up behind. When the session has left, that is so for all: the next one goes on here. */
  serves(resource: Resource): boolean {
    return resource.session === this.session || this.hasLeft;
  }

  /** The session has ended, or goes on on another node. */
  get hasLeft(): boolean {
    return this.registry.get(this.session.jid)?.session !== this.session;
  }

  /** A message that is not kept goes to the session in its place between those that are: RFC 6120 §10.1. */
  hold(stanza: Stanza, receipt: Receipt | undefined): void {
    if (this.#held.length < MAX_HELD) this.#held.push({ stanza, receipt, after: this.log.lastId });
    else receipt?.failed();
  }

  /** It is over. What is still held does not reach the session any more. */
  dropHeld(): void {
    for (const { receipt } of this.#held.splice(0)) receipt?.failed();
  }

  /** A further message was appended, or given back. */
  follow(): void {
    this.#followers += 1;
    this.#onNews?.();
    this.#onNews = undefined;
  }

  /** A node was told to put a message into the store: until it has, what comes from there queues up behind. */
  expect(node: string): void {
    this.#expected.set(node, (this.#expected.get(node) ?? 0) + 1);
  }

  /** It has put so many there. */
  expected(node: string, count: number): void {
    const left = (this.#expected.get(node) ?? 0) - count;
    if (left > 0) this.#expected.set(node, left);
    else this.#expected.delete(node);
    this.follow();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#onNews = resolve;
    });
  }

  /**
   * @param over called in the moment from which messages need not queue up behind any more.
   * @returns false when the session ended before all was handed over.
   */
  async run(over: () => void): Promise<boolean> {
    const unreadable = new Set<number>();
    const { nodes, node } = this.registry;
    let more = 0;
    // What was on its way to where it came from is to be in the store before anything that was sent here.
    if (this.session.arrived) {
      await nodes.settled();
      this.session.arrived = false;
    }
    for (;;) {
      const seen = this.#followers;
      await this.log.flushed();
      // Nothing is asked for somebody who is gone: the database may be about to close.
      if (this.hasLeft) {
        over();
        return false;
      }
      const { account } = this.session;
      const limit = PAGE + unreadable.size + more;
      const page = await this.messages.pending(account, 0, limit, [node]);
      const { free, blocker } = this.#free(page);
      const fresh = await this.#claim(free.filter((message) => this.#isWanted(message, unreadable)));
      if (fresh.length === 0 && blocker !== undefined) {
        // While it cannot be asked it may yet give back what has to come first: it does so by way of the store.
        if (!(await nodes.written(blocker))) continue;
        // What has come from there meanwhile could not be taken, and goes back: it is with nobody else.
        if (this.#expected.has(blocker)) await this.#news();
        else for (const { id, holder } of page) if (holder === blocker) this.#elsewhere.add(id);
        continue;
      }
      if (fresh.length === 0 && page.length === limit) {
        more = 2 * more + PAGE;
        continue;
      }
      // Nothing may be awaited between this look and the end: what comes now is delivered live.
      if (fresh.length === 0 && this.#followers === seen) {
        if (this.#expected.size > 0) {
          await this.#news();
          continue;
        }
        this.#sendHeld(Number.POSITIVE_INFINITY);
        over();
        return true;
      }
      const open = new Set(fresh);
      for (const portion of portions(fresh)) {
        if (await this.#handOver(portion, unreadable, open)) continue;
        this.#isOver = true;
        if (this.session.leavesInOrder) this.#settleRead(open);
        // What is with the client, wherever that is now, comes back later or not at all.
        const back = this.#giveBack([...open].filter(({ id }) => !this.#outstanding.has(id)));
        if (back !== undefined) await back;
        over();
        return false;
      }
      const back = this.#giveBack(fresh.filter(({ id }) => unreadable.has(id)));
      if (back !== undefined) await back;
    }
  }

  get #isAlone(): boolean {
    return this.registry.nodes.alive.length === 1;
  }

  /**
   * Of an account's messages those that nobody holds, up to the first that another node holds and that may have to come before
   * the rest: it may be on its way here, or about to be given back.
   * @returns blocker: who holds it
   */
  #free(page: readonly PendingMessage[]): { free: PendingMessage[]; blocker?: string } {
    const { nodes } = this.registry;
    const free: PendingMessage[] = [];
    let blocker: string | undefined;
    for (const message of page) {
      const { id, holder } = message;
      const isFree = holder === undefined || !nodes.alive.includes(holder);
      if (isFree && blocker !== undefined) return { free, blocker };
      if (isFree) free.push(message);
      else if (!this.#elsewhere.has(id) && !nodes.isUnderWay(id)) blocker ??= holder;
    }
    return { free };
  }

  /** Not what cannot be read, nor what another node has sent here and set free when it could not be told what became of it. */
  #isWanted(message: PendingMessage, unreadable: ReadonlySet<number>): boolean {
    const { nodes } = this.registry;
    if (unreadable.has(message.id) || nodes.isUnderWay(message.id)) return false;
    if (!nodes.hasDelivered(message.id)) return true;
    this.log.settleStored(message);
    return false;
  }

  /** On several nodes, sessions of one account may be given what waits at once: each message goes to one of them. */
  async #claim(page: readonly PendingMessage[]): Promise<PendingMessage[]> {
    const { nodes, node } = this.registry;
    if (this.#isAlone || page.length === 0) return [...page];
    const ids = page.map(({ id }) => id);
    const claimed = await this.messages.claim(this.session.account, ids, node, nodes.alive);
    return page.filter(({ id }) => claimed.has(id));
  }

  /** What was claimed and not delivered; what was delivered has its mark taken away, now or soon. */
  #giveBack(messages: readonly PendingMessage[]): undefined | Promise<void> {
    // Where there is one node, nobody claims anything.
    if (this.#isAlone || messages.length === 0) return undefined;
    return this.messages.release(messages);
  }

  /**
   * @param open what has not been delivered
   * @returns false as soon as the session is over here
   */
  async #handOver(
    page: PendingMessage[],
    unreadable: Set<number>,
    open: Set<PendingMessage>,
  ): Promise<boolean> {
    const results: Promise<boolean>[] = [];
    for (const message of page) {
      if (this.session.saturated) await this.session.room();
      this.#sendHeld(message.id);
      const stanza = this.#read(message);
      if (stanza) results.push(this.#send(message, stanza, unreadable, open));
      else unreadable.add(message.id);
    }
    const all = Promise.all(results).then((each) => each.every(Boolean) && this.#isRead(open));
    return Promise.race([all, this.session.ended.then(() => false)]);
  }

  /** XEP-0160 §3 step 5: nothing leaves the store that its recipient has not got. */
  async #isRead(open: Set<PendingMessage>): Promise<boolean> {
    if (this.#unread.length === 0) return true;
    if (this.#answersPings) this.#answersPings = await this.hasRead(this.session);
    if (this.hasLeft) return false;
    this.#settleRead(open);
    return true;
  }

  #settleRead(open: Set<PendingMessage>): void {
    for (const message of this.#unread.splice(0)) {
      open.delete(message);
      this.log.settleStored(message);
    }
  }

  /** The session left with the message, and did not deliver it. Those that come back together are given back together. */
  #comesBack(message: PendingMessage): void {
    this.#back.push(message);
    if (this.#back.length > 1) return;
    setImmediate(() => {
      const back = this.#back.splice(0);
      Promise.resolve(this.#giveBack(back)).then(
        () => this.onReturned(),
        (error: unknown) => this.logger.error({ err: error }, "messages could not be given back; they wait"),
      );
    });
  }

  #sendHeld(before: number): void {
    const count = this.#held.findIndex(({ after }) => after >= before);
    const due = this.#held.splice(0, count < 0 ? this.#held.length : count);
    for (const { stanza, receipt } of due) this.session.send(stanza, receipt);
  }

  #send(
    message: PendingMessage,
    stanza: Stanza,
    unreadable: Set<number>,
    open: Set<PendingMessage>,
  ): Promise<boolean> {
    return new Promise((resolve) => {
      const isOut = () => this.#outstanding.delete(message.id);
      const receipt: Receipt = {
        delivered: () => {
          isOut();
          if (acknowledged) {
            open.delete(message);
            this.log.settleStored(message);
          } else {
            this.#unread.push(message);
          }
          resolve(true);
        },
        failed: () => {
          isOut();
          this.given.delete(message.id);
          if (this.#isOver) this.#comesBack(message);
          resolve(false);
        },
        // It waits for another login; the others need not.
        refused: () => {
          isOut();
          unreadable.add(message.id);
          if (this.#isOver) this.#comesBack(message);
          resolve(true);
        },
      };
      const acknowledged = this.session.acknowledges;
      this.#outstanding.add(message.id);
      if (!this.#isAlone) this.given.set(message.id, true);
      this.session.send(stanza, receipt);
    });
  }

  #read(message: PendingMessage): Stanza | undefined {
    try {
      const read = Stanza.of(parseElement(message.stanza));
      const stanza = message.archived ? this.archiving.withName(read, message.account, message.id) : read;
      // What came while the others were handed over is not late.
      const isLate = message.id <= this.#waited || Date.now() - message.receivedAt > LATE;
      return isLate ? withDelay(stanza, message.account.jid.domain, message.receivedAt) : stanza;
    } catch (error) {
      this.logger.error(
        { err: error, id: message.id },
        "a stored message cannot be read; it stays in the database",
      );
      return undefined;
    }
  }
}

/** Neighbours that are not too much at once. */
function* portions(page: readonly PendingMessage[]): Generator<PendingMessage[]> {
  let portion: PendingMessage[] = [];
  let size = 0;
  for (const message of page) {
    if (portion.length > 0 && size + message.stanza.length > PORTION_SIZE) {
      yield portion;
      portion = [];
      size = 0;
    }
    portion.push(message);
    size += message.stanza.length;
  }
  if (portion.length > 0) yield portion;
}
