import {
  type Jid,
  type PluginContext,
  type Resource,
  type RosterEntry,
  type Session,
  Stanza,
} from "../plugin/api.js";
import type { DirectedPresence } from "./presence-directed.js";
import { priorityOf } from "./presence-priority.js";
import { pendingRequests } from "./request.js";
import { inRosterTurn } from "./roster-change.js";
import { hasFrom, hasTo } from "./roster-entry.js";
import { tell } from "./tell.js";

/** Presence without `to`: who hears of it. RFC 6121 §4.2, §4.4, §4.5 */
export class Broadcast {
  constructor(
    private readonly ctx: PluginContext,
    private readonly directed: DirectedPresence,
  ) {}

  /** @throws StanzaError `bad-request` for a priority that is none. */
  async available(session: Session, presence: Stanza): Promise<void> {
    const priority = priorityOf(presence);
    const isInitial = session.resource.presence === undefined;
    this.ctx.sessions.update(session, { presence, priority });
    // At once, before what waited for it: §4.2.2 has the sender's own resources, it among them, hear of it too.
    session.send(presence.withTo(session.account.jid));
    const entries = await this.#send(session, presence);
    if (isInitial) await this.#welcome(session, entries);
  }

  async unavailable(session: Session, presence: Stanza): Promise<void> {
    // §4.5.2: the sender hears of it too, though it is no available resource any more.
    if (session.resource.presence) session.send(presence.withTo(session.account.jid));
    await this.#leave(session, presence);
  }

  /** A session ended, with or without a word before. RFC 6121 §4.5.2 */
  async ended(session: Session): Promise<void> {
    await this.#leave(session, Stanza.make("presence", { from: session.jid, type: "unavailable" }));
  }

  /** Its node died. RFC 6121 §4.5.2, §4.6.3 */
  async lost({ jid, presence }: Resource): Promise<void> {
    const directed = this.directed.takeLost(jid);
    // The client may have come back meanwhile.
    if (this.ctx.sessions.get(jid)?.presence) return;
    const told = presence ? [jid.bare, ...(await this.#subscribers(jid))] : [];
    const rest = directed.filter((to) => !told.some((one) => one.equals(to) || one.equals(to.bare)));
    await this.#tellAll(Stanza.make("presence", { from: jid, type: "unavailable" }), [...told, ...rest]);
  }

  async #subscribers(jid: Jid): Promise<Jid[]> {
    const account = await this.ctx.account(jid);
    const entries = account ? await this.ctx.storage.rosters.related(account) : [];
    return entries.filter(hasFrom).map((entry) => entry.jid);
  }

  /** Subscribers hear of it if the session was available; whom it sent presence directly, in any case. RFC 6121 §4.6.3 */
  async #leave(session: Session, presence: Stanza): Promise<void> {
    const directed = this.directed.take(session);
    const told = new Set<string>();
    if (session.resource.presence) {
      this.ctx.sessions.update(session, { presence: undefined, priority: 0 });
      const entries = await this.#send(session, presence);
      for (const { jid } of entries.filter(hasFrom)) told.add(jid.text);
    }
    const rest = directed.filter((jid) => !told.has(jid.text) && !told.has(jid.bareText));
    await this.#tellAll(presence, rest);
  }

  /**
   * To the account's own available resources and to all who are subscribed. The roster is read and the routes are begun in
   * turn: who was refused before is sent nothing, who is refused after is sent the end last.
   */
  async #send(session: Session, presence: Stanza): Promise<readonly RosterEntry[]> {
    const account = session.account.jid;
    const { entries, routes } = await inRosterTurn(this.ctx, account, async () => {
      const entries = await this.#contacts(session);
      const subscribers = entries.filter(hasFrom).map((entry) => entry.jid);
      this.#tellOwn(session, presence);
      return { entries, routes: this.#tellAll(presence, subscribers) };
    });
    await routes;
    return entries;
  }

  /** The account's other available resources. */
  #tellOwn(session: Session, presence: Stanza): void {
    for (const resource of this.ctx.sessions.of(session.jid)) {
      if (!resource.presence || resource.jid.equals(session.jid)) continue;
      this.ctx.sessions.send(resource, presence.withTo(session.account.jid));
    }
  }

  /** Those alone that presence is about: a roster can be long, and presence is sent often. */
  async #contacts(session: Session): Promise<readonly RosterEntry[]> {
    return session.anonymous ? [] : this.ctx.storage.rosters.related(session.account);
  }

  async #tellAll(presence: Stanza, recipients: readonly Jid[]): Promise<void> {
    await Promise.all(recipients.map((to) => tell(this.ctx, presence.withTo(to))));
  }

  /** What a resource that has just become available is told. */
  async #welcome(session: Session, entries: readonly RosterEntry[]): Promise<void> {
    for (const { jid, presence } of this.ctx.sessions.of(session.jid)) {
      if (presence && !jid.equals(session.jid)) session.send(presence.withTo(session.jid));
    }
    // §3.1.3: each time, until they are answered.
    for (const request of pendingRequests(this.ctx, entries)) session.send(request);
    const questions = entries.flatMap((entry) => this.#question(session, entry) ?? []);
    await Promise.all(questions.map((question) => tell(this.ctx, question)));
  }

  /** Asks a contact for its presence (RFC 6121 §4.3.1), or once more for the right to see it (§3.1.2, last paragraph). */
  #question(session: Session, entry: RosterEntry): Stanza | undefined {
    const isLocal = entry.jid.domain === this.ctx.domain;
    const from = session.account.jid;
    if (hasTo(entry)) {
      if (!isLocal) return Stanza.make("presence", { from, to: entry.jid, type: "probe" });
      // §4.3.1: nobody needs to be asked about those who are known not to be there.
      if (!this.ctx.sessions.of(entry.jid).some((resource) => resource.presence)) return undefined;
      // Nobody but this server sees it, so it may name the resource that the answer is for: the others know already.
      return Stanza.make("presence", { from: session.jid, to: entry.jid, type: "probe" });
    }
    return entry.ask && !isLocal
      ? Stanza.make("presence", { from, to: entry.jid, type: "subscribe" })
      : undefined;
  }
}
