import { LRUCache } from "lru-cache";
import type { Logger } from "../log.js";
import type { Registry } from "../session/registry.js";
import { isReceptive, type Receipt, type Resource, type Session } from "../session/session.js";
import type { MessageLog } from "../storage/message-log.js";
import type { Account, MessageRepository, PendingMessage } from "../storage/types.js";
import { parseElement } from "../xml/parse.js";
import type { Jid } from "../xmpp/jid.js";
import { Stanza } from "../xmpp/stanza.js";
import type { Archiving } from "./archiving.js";
import { withDelay } from "./delay.js";

/** Messages handed over at a time; the next are read when these are out. */
const PAGE = 50;
/** Characters handed over at a time, unless one message has more. */
const PORTION_SIZE = 256 * 1024;
/** ms after which a message counts as delayed. */
const LATE = 2000;
/** Accounts asked for at a time. */
const LOOK = 200;
/** ms before the store is asked again after it failed. */
const LOOK_AGAIN = 1000;
/** Messages that are only for the moment and wait for their turn in one hand-over; more of them are dropped. */
const MAX_HELD = 100;

/**
 * Gives accounts what waited for them (XEP-0160), one resource at a time. While that lasts, messages for that resource
 * queue up behind, so that everything arrives in the order it was sent.
 */
export class Drains {
  readonly #running = new Map<number, Drain>();
  /** Accounts for which something has just been left in the store, since nobody took it. */
  readonly #left = new LRUCache<string, Account>({ max: 10_000, ttl: 60_000 });
  /** Messages that sessions of this node were given from the store: another node may yet send them. */
  readonly #given = new LRUCache<number, true>({ max: 20_000, ttl: 600_000 });
  #looking: "no" | "yes" | "again" = "no";

  constructor(
    private readonly registry: Registry,
    private readonly messages: MessageRepository,
    private readonly log: MessageLog,
    private readonly logger: Logger,
    private readonly archiving: Archiving,
  ) {
    registry.listen({
      changed: (before, after) => {
        // XEP-0160 §3: at the first presence with a priority that is not negative.
        if (after?.session && isReceptive(after) && !(before && isReceptive(before)))
          this.wake(after.session.account);
        else if (after && !after.session && isReceptive(after)) this.#tookElsewhere(after);
      },
    });
  }

  of(account: Account): Drain | undefined {
    return this.#running.get(account.id);
  }

  /** A session of this node has been given the message, or is being given it, from the store. */
  hasGiven(messageId: number): boolean {
    return this.#given.has(messageId);
  }

  /** What was left for an account while its session on another node was not known here is told to that node. */
  #tookElsewhere({ jid, node }: Resource): void {
    const account = this.#left.get(jid.bareText);
    if (!account) return;
    this.#left.delete(jid.bareText);
    this.registry.nodes.stored(node, account, false);
  }

  /** A message for the account is in the store, or will be, for a resource that could not take it now. */
  fetch(account: Account, resource: Resource): void {
    if (resource.session) this.wake(account, resource.session);
    else this.#tellElsewhere(account, resource.node);
  }

  /** A message for the account is in the store, or will be, since a session on that node wanted it so. */
  waits(account: Account, node: string): void {
    this.#tellElsewhere(account, node, true);
  }

  /** The session may be moving on at this moment: then its new node is told, too. */
  #tellElsewhere(account: Account, node: string, asked = false): void {
    this.#left.set(account.jid.bareText, account);
    this.registry.nodes.stored(node, account, asked);
  }

  /** A session cannot take a message of another node's now. That node will say when it is in the store. */
  expect(session: Session, origin: string): void {
    const { account } = session;
    if (!this.#running.has(account.id)) this.wake(account, session);
    this.#running.get(account.id)?.expect(origin);
  }

  /** Another node has put messages for an account into the store; `asked` of them since `expect` said so. */
  stored(bare: Jid, origin: string, asked: number): void {
    const account = this.#accountHere(bare);
    if (!account) return;
    this.#running.get(account.id)?.expected(origin, asked);
    const elsewhere = this.registry.of(bare);
    // It has moved on: who has it now is told at once.
    if (elsewhere.some(({ session }) => session)) this.wake(account);
    else for (const { node } of elsewhere.filter(isReceptive)) this.#tellElsewhere(account, node);
  }

  /** The account of a session that is here, or has just gone elsewhere while it was being given what waited. */
  #accountHere(bare: Jid): Account | undefined {
    const session = this.registry.of(bare).find((one) => one.session)?.session;
    if (session) return session.account;
    for (const { session } of this.#running.values()) {
      if (session.account.jid.equals(bare)) return session.account;
    }
    return undefined;
  }

  /** Nothing more is to be expected of a node. */
  gone(node: string): void {
    for (const drain of this.#running.values()) drain.expected(node, Number.POSITIVE_INFINITY);
  }

  /** Something may be waiting for any session of this node. */
  look(): void {
    if (this.#looking !== "no") this.#looking = "again";
    else void this.#look();
  }

  async #look(): Promise<void> {
    do {
      this.#looking = "yes";
      const accounts = new Map<number, Account>();
      for (const { resource, account } of this.registry.local()) {
        if (isReceptive(resource) && account.id !== 0) accounts.set(account.id, account);
      }
      try {
        const ids = [...accounts.keys()];
        for (let start = 0; start < ids.length; start += LOOK) {
          const waiting = await this.messages.waiting(ids.slice(start, start + LOOK));
          for (const id of waiting) this.wake(accounts.get(id) as Account);
        }
      } catch (error) {
        this.logger.error({ err: error }, "the store could not be asked what waits");
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN).unref());
        this.#looking = "again";
      }
    } while ((this.#looking as string) === "again");
    this.#looking = "no";
  }

  /** There is, or may be, something waiting: hands it over if a resource of this node takes messages. */
  wake(account: Account, preferred?: Session): void {
    const running = this.#running.get(account.id);
    if (running) {
      running.follow();
      return;
    }
    const session =
      preferred ?? this.registry.of(account.jid).find((one) => one.session && isReceptive(one))?.session;
    if (account.id === 0) return;
    if (!session) {
      const elsewhere = this.registry.of(account.jid).find(isReceptive);
      if (elsewhere) this.#tellElsewhere(account, elsewhere.node);
      else this.#left.set(account.jid.bareText, account);
      return;
    }
    const drain = new Drain(
      session,
      this.messages,
      this.log,
      this.registry,
      this.logger,
      this.archiving,
      this.#given,
      () => this.wake(account),
    );
    this.#running.set(account.id, drain);
    void this.#run(account, drain);
  }

  async #run(account: Account, drain: Drain): Promise<void> {
    const over = () => this.#running.delete(account.id);
    try {
      const complete = await drain.run(over);
      // The session broke half-way: whoever else is there gets the rest.
      if (!complete) this.wake(account);
    } catch (error) {
      over();
      this.logger.error(
        { err: error, account: account.jid.text },
        "waiting messages could not be handed over",
      );
      // A client that has missed something must not believe it has all: it comes back and is given it then.
      drain.session.close();
    }
  }
}

export class Drain {
  /** Messages up to this id were there before: nobody was when they came. */
  readonly #waited: number;
  #held: { stanza: Stanza; after: number }[] = [];
  #followers = 0;
  /** Messages that other nodes are about to put into the store, by node. */
  readonly #expected = new Map<string, number>();
  #onNews: (() => void) | undefined;
  /** Messages that other nodes hold, and have no more to say about: they are with other sessions. */
  readonly #elsewhere = new Set<number>();
  /** Messages that the session was given and has not said anything of. */
  readonly #outstanding = new Set<number>();
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
  hold(stanza: Stanza): void {
    if (this.#held.length < MAX_HELD) this.#held.push({ stanza, after: this.log.lastId });
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

  /**
   * @param over called in the moment from which messages need not queue up behind any more.
   * @returns false when the session ended before all was handed over.
   */
  async run(over: () => void): Promise<boolean> {
    const unreadable = new Set<number>();
    const { nodes, node } = this.registry;
    let more = 0;
    // What was on its way to where it came from is to be in the store before anything that was sent here.
    if (this.session.arrived) await nodes.settled();
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
      const fresh = await this.#claim(free.filter(({ id }) => !unreadable.has(id) && !nodes.isUnderWay(id)));
      if (fresh.length === 0 && blocker !== undefined) {
        await nodes.written(blocker);
        for (const { id, holder } of page) if (holder === blocker) this.#elsewhere.add(id);
        continue;
      }
      if (fresh.length === 0 && page.length === limit) {
        more += PAGE;
        continue;
      }
      // Nothing may be awaited between this look and the end: what comes now is delivered live.
      if (fresh.length === 0 && this.#followers === seen) {
        if (this.#expected.size > 0) {
          await new Promise<void>((resolve) => {
            this.#onNews = resolve;
          });
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
    const all = Promise.all(results).then((each) => each.every(Boolean));
    return Promise.race([all, this.session.ended.then(() => false)]);
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
    while (this.#held.length > 0 && this.#held[0].after < before) {
      this.session.send((this.#held.shift() as { stanza: Stanza }).stanza);
    }
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
          open.delete(message);
          this.log.settleStored(message);
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
      return isLate ? withDelay(stanza, message) : stanza;
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
