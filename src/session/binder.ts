import { randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { Hooks } from "../hooks.js";
import type { Logger } from "../log.js";
import type { Account } from "../storage/types.js";
import { StanzaError, StreamError } from "../xmpp/errors.js";
import { type Jid, JidError } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import { ClientSession, type Outlet } from "./client-session.js";
import type { Handled } from "./handled.js";
import { type Luggage, pack, type ReceiptDesk, unpack } from "./handover.js";
import type { Managed, ManagedOptions, ManagedOutlet } from "./managed.js";
import type { Registry } from "./registry.js";

export interface BinderOptions {
  resourcesPerAccount: number;
  conflict: "replace" | "refuse-new";
  /** ms that a session may outlive its connection, at most; 0 = not at all. */
  resumeTimeout: number;
}

/** In the row of a session that waits for its client to come back. */
const DETACHED = "session/detached";

/** Sessions that are remembered when they are over. */
const OVER = 10_000;

interface Resumable {
  session: ClientSession;
  hooks: Hooks;
  /** Runs while it has no connection. */
  timer: NodeJS.Timeout | undefined;
}

/** Makes and ends sessions: RFC 6120 §7. */
export class Binder {
  constructor(
    private readonly registry: Registry,
    private readonly options: BinderOptions,
    private readonly log: Logger,
    /** Told of what a session's end left undelivered. */
    private readonly lost: (stanza: Stanza) => void,
  ) {}

  /** Sessions that are over, but not everybody has been told. */
  readonly #leaving = new Map<string, ClientSession>();
  /** Sessions that may be resumed, by their unguessable id. */
  readonly #resumable = new Map<string, Resumable>();
  /** What those that are over had handled, by the same id. */
  readonly #over = new LRUCache<string, { account: Jid; handled: Handled }>({ max: OVER });

  /**
   * @param wanted the resource the client asked for; undefined: the server chooses.
   * @throws StanzaError `bad-request`, `conflict`, `resource-constraint`: RFC 6120 §7.6.2, §7.7.2
   */
  async bind(
    account: Account,
    anonymous: boolean,
    wanted: string | undefined,
    hooks: Hooks,
    outlet: Outlet,
  ): Promise<ClientSession> {
    const jid = fullJid(account.jid, wanted);
    if (this.registry.nodes.alive.length > 1) await this.registry.nodes.settled(jid);
    for (;;) {
      const rival = this.registry.get(jid);
      const leaving = this.#leaving.get(jid.text);
      if (!rival && !leaving) {
        const room = this.#makeRoom(jid);
        // Nothing is waited for between the last look and the end: two that bind at once must not both find nobody.
        if (room === undefined) break;
        await room;
        continue;
      }
      // A client that comes back without resuming is not kept out by what is left of itself.
      const inUse = rival && !rival.session?.detached;
      if (inUse && this.options.conflict === "refuse-new") throw new StanzaError("conflict");
      if (rival && !rival.session && !leaving) {
        await this.registry.close(rival, new StreamError("conflict"));
        continue;
      }
      // RFC 6120 §7.7.2.2: the newer one wins, and begins when everybody knows that the older one is gone.
      const older = leaving ?? (rival?.session as ClientSession);
      if (!leaving) older.close(new StreamError("conflict"));
      await older.ended;
    }
    const session = new ClientSession(jid, account, anonymous, this.registry.node, hooks, outlet, this.lost);
    this.registry.add(session);
    return session;
  }

  /**
   * Nobody is kept out by what is left of himself: the oldest of the sessions that have no connection goes, on whichever node.
   * @returns undefined when there is room; otherwise resolves when one has gone
   * @throws StanzaError `resource-constraint`: RFC 6120 §7.6.2.1
   */
  #makeRoom(jid: Jid): Promise<void> | undefined {
    const all = this.registry.of(jid);
    if (all.length < this.options.resourcesPerAccount) return undefined;
    const left = all.filter(({ flags }) => flags.has(DETACHED));
    if (left.length === 0) throw new StanzaError("resource-constraint");
    const [oldest] = left.sort((one, other) => one.boundAt - other.boundAt);
    return this.registry.close(oldest, new StreamError("resource-constraint"));
  }

  /** From now on the session's state survives its connection, for a while: XEP-0198 §5. */
  allowResumption(session: ClientSession, hooks: Hooks): void {
    const { id } = session.managed as Managed;
    this.#resumable.set(id, { session, hooks, timer: undefined });
  }

  /**
   * The session's connection is lost.
   * @returns false when it cannot be resumed: it is to be unbound.
   */
  hibernate(session: ClientSession): boolean {
    const { managed } = session;
    const known = managed && this.#resumable.get(managed.id);
    if (!known) return false;
    session.detach();
    const over = (reason: string) => {
      session.onClosedWhileDetached = undefined;
      clearTimeout(known.timer);
      void this.unbind(session, known.hooks, reason);
    };
    this.registry.flag(session, DETACHED, true);
    known.timer = setTimeout(() => over("not resumed in time"), managed.resumeTimeout);
    session.onClosedWhileDetached = () => over("ended while it had no connection");
    void this.#announceDetached(session, known.hooks);
    return true;
  }

  async #announceDetached(session: ClientSession, hooks: Hooks): Promise<void> {
    const unacknowledged = session.managed?.unacked.all().map(({ stanza }) => stanza) ?? [];
    try {
      await hooks.fire("session:detached", { session, unacknowledged });
    } catch (error) {
      this.log.error({ err: error }, "the loss of a session's connection could not be told to everybody");
    }
  }

  /** The session that an account may resume under an id, where it is on this node; its timer is stopped. It is to be attached to a stream at once. */
  resume(id: string, account: Account): ClientSession | undefined {
    const known = this.#resumable.get(id);
    // Whoever else knows the id is not told that it exists.
    if (!known?.session.account.jid.equals(account.jid)) return undefined;
    clearTimeout(known.timer);
    known.session.onClosedWhileDetached = undefined;
    this.registry.flag(known.session, DETACHED, false);
    return known.session;
  }

  /** How many stanzas a session that is over had handled (XEP-0198 §5), as its account may know, and on this node alone. */
  handledOf(id: string, account: Account): number | undefined {
    const known = this.#over.get(id);
    return known?.account.equals(account.jid) ? known.handled.h : undefined;
  }

  /**
   * The session is wanted by another node, to which its client has come back.
   * @param h what the client acknowledges
   * @returns undefined when it is not here, or not that account's; what the client is to be told when `h` is too high
   */
  async giveAway(
    id: string,
    account: Jid,
    h: number,
    node: string,
    desk: ReceiptDesk,
  ): Promise<Luggage | { tooHigh: number } | undefined> {
    const known = this.#resumable.get(id);
    if (!known?.session.account.jid.equals(account)) return undefined;
    const { session, hooks } = known;
    const managed = session.managed as Managed;
    clearTimeout(known.timer);
    session.onClosedWhileDetached = undefined;
    this.registry.flag(session, DETACHED, false);
    // The old connection may seem alive (§5): it is told, and what it still brings is not read any more.
    session.supersede();
    // What it brought is stored first, so that the client learns the whole truth and sends nothing twice.
    await managed.handled.caughtUp();
    await this.registry.nodes.settled();
    // It may have ended meanwhile, or its client have come back here.
    if (this.#resumable.get(id) !== known || !session.detached) return undefined;
    if (!managed.acknowledge(h)) {
      void this.unbind(session, hooks, "acknowledged too much");
      return { tooHigh: managed.unacked.sent };
    }
    this.#resumable.delete(id);
    const luggage = await pack(session, managed, hooks, node, desk, () => this.#handOver(session, node));
    if (luggage) return luggage;
    // Nobody will come back to it here, and what it has goes to the next login.
    void this.unbind(session, hooks, "the node that it was to go to is gone");
    return undefined;
  }

  /** @returns from when on the session is the other node's; undefined when that has gone meanwhile. */
  #handOver(session: ClientSession, node: string): number | undefined {
    const { registry } = this;
    if (!registry.nodes.alive.includes(node) || registry.get(session.jid)?.session !== session)
      return undefined;
    const boundAt = Math.max(Date.now(), session.boundAt + 1);
    registry.handOver(session, node, boundAt);
    return boundAt;
  }

  /**
   * A session that another node has given away goes on here.
   * @returns undefined when its client has meanwhile begun anew under the same address: then it is over
   */
  async takeIn(
    luggage: Luggage,
    id: string,
    account: Account,
    from: string,
    hooks: Hooks,
    outlet: Outlet & ManagedOutlet,
    options: ManagedOptions,
    desk: ReceiptDesk,
  ): Promise<ClientSession | undefined> {
    const { node } = this.registry;
    const session = unpack(luggage, id, account, from, node, hooks, outlet, options, this.lost, desk);
    if (this.registry.get(session.jid)?.session) {
      session.end();
      return undefined;
    }
    const arrived = hooks.fire("session:arrived", { session, notes: luggage.notes });
    if (arrived instanceof Promise) await arrived;
    this.registry.withdrawn(session.jid, from);
    this.registry.add(session);
    this.allowResumption(session, hooks);
    return session;
  }

  /** The server stops: nobody will come back to these. */
  async endHibernating(): Promise<void> {
    const sleeping = [...this.#resumable.values()].filter(({ session }) => session.onClosedWhileDetached);
    for (const { session } of sleeping) session.close();
    // Those that were not resumed in time a moment ago, too.
    await Promise.all([...this.#leaving.values()].map((session) => session.ended));
  }

  /** From now on the session gets nothing, and what it has not acknowledged goes elsewhere. It is to be unbound soon. */
  leave(session: ClientSession): void {
    if (session.managed) this.#forget(session, session.managed);
    if (this.registry.get(session.jid)?.session !== session) return;
    this.#leaving.set(session.jid.text, session);
    // Out of the table first: what it leaves undelivered must not be routed back to it.
    this.registry.remove(session);
    session.end();
  }

  /** Nobody can resume it any more. */
  #forget({ account }: ClientSession, { id, handled, resumeTimeout }: Managed): void {
    this.#resumable.delete(id);
    if (resumeTimeout > 0) this.#over.set(id, { account: account.jid, handled });
  }

  async unbind(session: ClientSession, hooks: Hooks, reason: string): Promise<void> {
    this.leave(session);
    try {
      await hooks.fire("session:unbound", { session, reason });
    } catch (error) {
      this.log.error({ err: error }, "a session's end could not be told to everybody");
    } finally {
      this.#leaving.delete(session.jid.text);
      session.everybodyWasTold();
    }
  }
}

function fullJid(bare: Jid, wanted: string | undefined): Jid {
  // RFC 6120 §7.6.1: unguessable, so that nobody can aim at a resource he was not shown.
  if (wanted === undefined) return bare.withResource(randomBytes(9).toString("base64url"));
  try {
    return bare.withResource(wanted);
  } catch (error) {
    if (error instanceof JidError) throw new StanzaError("bad-request", { text: error.message });
    throw error;
  }
}
