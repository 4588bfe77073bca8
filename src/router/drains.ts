import { LRUCache } from "lru-cache";
import type { Logger } from "../log.js";
import type { Registry } from "../session/registry.js";
import { isReceptive, type Resource, type Session } from "../session/session.js";
import type { MessageLog } from "../storage/message-log.js";
import type { Account, MessageRepository } from "../storage/types.js";
import type { Jid } from "../xmpp/jid.js";
import type { Archiving } from "./archiving.js";
import { Drain } from "./drain.js";
import { hasRead } from "./proof.js";
import type { Requests } from "./requests.js";

/** Accounts asked for at a time. */
const LOOK = 200;
/** ms before the store is asked again after it failed. */
const LOOK_AGAIN = 1000;
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
    private readonly requests: Requests,
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
    const session = preferred ?? this.#taker(account);
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
      (one) => hasRead(this.requests, one),
    );
    this.#running.set(account.id, drain);
    void this.#run(account, drain);
  }

  /** One that has its address to itself: another would be over as soon as it began. */
  #taker(account: Account): Session | undefined {
    const takes = (one: Resource) => one.session && isReceptive(one) && this.registry.get(one.jid) === one;
    return this.registry.of(account.jid).find(takes)?.session;
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
    } finally {
      drain.dropHeld();
    }
  }
}
