import type { HookMap } from "../hooks.js";
import type { IqRoute } from "../plugin/api.js";
import type { Registry } from "../session/registry.js";
import { isReceptive, type Receipt, type Resource } from "../session/session.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { LogEntry, MessageLog } from "../storage/message-log.js";
import type { Account, Archives } from "../storage/types.js";
import { withDelay } from "../xmpp/delay.js";
import { type StanzaCondition, StanzaError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { Archiving } from "./archiving.js";
import type { Domain } from "./domain.js";
import type { Drain } from "./drain.js";
import type { Drains } from "./drains.js";
import { isKept, isSaid, type MessageType, messageType } from "./keep.js";
import type { OfflineStorage } from "./offline.js";
import type { Requests } from "./requests.js";

type Done = undefined | Promise<void>;

/** From the router to sessions and store: RFC 6121 §8.5 for accounts of this server. */
export class Delivery {
  constructor(
    private readonly registry: Registry,
    private readonly accounts: AccountCache,
    private readonly log: MessageLog,
    private readonly drains: Drains,
    private readonly offline: OfflineStorage,
    private readonly requests: Requests,
    private readonly archiving: Archiving,
  ) {}

  /**
   * To an account or one of its resources, `stanza.to` says which.
   * @throws StanzaError (or rejects with it) what the sender is to be told.
   */
  deliver(domain: Domain, stanza: Stanza): Done {
    switch (stanza.kind) {
      case "message":
        return this.#message(domain, this.archiving.withoutForged(stanza));
      case "presence":
        return this.#presence(stanza);
      case "iq":
        return this.#iq(domain, stanza);
    }
  }

  #message(domain: Domain, message: Stanza): Done {
    const to = message.to as Jid;
    const type = messageType(message);
    if (to.resource !== "") {
      const resource = this.registry.get(to);
      // §8.5.3.1: whoever is named gets it, whatever the type and the priority.
      if (resource) return this.#toResources(domain, message, [resource]);
      if (type !== "chat") return nobody(type);
      // §8.5.3.2.1: a chat message follows its account to another resource.
    } else {
      // §8.5.2.1.1: a bare JID is no room.
      if (type === "groupchat" || type === "error") return nobody(type);
    }
    const able = this.registry.of(to).filter(isReceptive);
    if (able.length === 0) return this.#undelivered(domain, message);
    return this.#toResources(domain, message, type === "headline" ? able : mostAvailable(able));
  }

  #toResources(domain: Domain, message: Stanza, targets: readonly Resource[]): Done {
    const account = targets[0].session?.account ?? this.accounts.find(message.to as Jid);
    if (account instanceof Promise) {
      return account.then((found) => this.#handOver(domain, message, targets, found));
    }
    return this.#handOver(domain, message, targets, account);
  }

  #handOver(
    domain: Domain,
    message: Stanza,
    targets: readonly Resource[],
    account: Account | undefined,
  ): Done {
    const archives = this.archiving.archivesOf(message, account);
    if (archives instanceof Promise) {
      return archives.then((found) => this.#give(domain, message, targets, account, found));
    }
    return this.#give(domain, message, targets, account, archives);
  }

  #give(
    domain: Domain,
    message: Stanza,
    targets: readonly Resource[],
    account: Account | undefined,
    archives: Archives | undefined,
  ): Done {
    const missed = this.#missed(message.to as Jid, targets);
    const shown = this.#send(message, targets, account, archives);
    const room = this.#room(targets);
    return missed ? this.#tellMissed(domain, shown, missed, room) : room;
  }

  /** The account's resources that have flags and are not among the targets. Most accounts have none: nothing is made. */
  #missed(to: Jid, targets: readonly Resource[]): Resource[] | undefined {
    const all = this.registry.of(to);
    if (all.length === targets.length) return undefined;
    let missed: Resource[] | undefined;
    for (const one of all) {
      if (one.flags.size > 0 && !targets.includes(one)) {
        missed ??= [];
        missed.push(one);
      }
    }
    return missed;
  }

  #tellMissed(domain: Domain, message: Stanza, missed: readonly Resource[], sent: Done): Done {
    const event = { account: (message.to as Jid).bare, stanza: message, missed };
    const told = domain.hooks.fire("message:missed", event);
    return told instanceof Promise ? told.then(() => sent) : sent;
  }

  /**
   * Store first, deliver live in parallel: docs/architecture.md, "Nothing acknowledged is lost".
   * @returns the message as its recipients see it.
   */
  #send(
    message: Stanza,
    targets: readonly Resource[],
    account: Account | undefined,
    archives: Archives | undefined,
  ): Stanza {
    const draining = account && this.drains.of(account);
    if (draining && targets.some((target) => draining.serves(target))) {
      return this.#follow(draining, message, targets, account, archives);
    }
    if (!account || account.id === 0 || !isKept(message)) {
      if (isSaid(message)) this.#refuse(targets);
      // It waits for nobody; its sender's archive may want it.
      if (archives) this.log.archive(message, archives, message.ticket);
      const receipt = this.#unkept(message, targets);
      for (const target of targets) this.registry.send(target, message, receipt);
      return message;
    }
    // A session that does not acknowledge is not given more than it may have under way; the rest waits in the store.
    const full = targets.find((target) => this.#mustWait(target, account));
    if (full) this.#refuse(targets, account);
    const entry = this.#append(account, message, full ? undefined : this.registry.node, archives);
    const shown = this.archiving.named(message, entry);
    if (full) {
      for (const target of targets) {
        if (!this.#mustWait(target, account)) this.registry.send(target, shown);
      }
      this.drains.fetch(account, full);
      return shown;
    }
    const receipt = new MessageReceipt(this, shown, entry, targets.length);
    for (const target of targets) this.registry.send(target, shown, receipt);
    return shown;
  }

  /** While a session is being given what waited for it, what comes now queues up behind; others get it at once. */
  #follow(
    draining: Drain,
    message: Stanza,
    targets: readonly Resource[],
    account: Account,
    archives: Archives | undefined,
  ): Stanza {
    if (!isKept(message)) {
      this.#followUnkept(draining, message, targets);
      return message;
    }
    const entry = this.#append(account, message, undefined, archives);
    const shown = this.archiving.named(message, entry);
    for (const target of targets) {
      if (!draining.serves(target) && !this.#mustWait(target, account)) this.registry.send(target, shown);
    }
    draining.follow();
    return shown;
  }

  #followUnkept(draining: Drain, message: Stanza, targets: readonly Resource[]): void {
    const receipt = this.#unkept(message, targets);
    for (const target of targets) {
      if (draining.serves(target) && !draining.hasLeft) draining.hold(message, receipt);
      else this.registry.send(target, message, receipt);
    }
  }

  /** Undefined where nobody waits to hear that it was lost. */
  #unkept(message: Stanza, targets: readonly Resource[]): Receipt | undefined {
    return isSaid(message) ? new UnkeptReceipt(this, message, targets, targets.length) : undefined;
  }

  #append(
    account: Account,
    message: Stanza,
    holder: string | undefined,
    archives: Archives | undefined,
  ): LogEntry {
    return this.log.append(account, message, holder, message.ticket, archives);
  }

  /** For its sender's archive: the message has left for another server. */
  keepSent(message: Stanza): Done {
    const archives = this.archiving.archivesOf(message, undefined);
    if (archives instanceof Promise) return archives.then((found) => this.#keepSent(message, found));
    return this.#keepSent(message, archives);
  }

  #keepSent(message: Stanza, archives: Archives | undefined): Done {
    if (!archives) return undefined;
    this.log.archive(message, archives, message.ticket);
    return this.log.room();
  }

  /** What a session's end left undelivered and nobody keeps: its sender is told, as for a resource that is not there. */
  lost(
    stanza: Stanza,
    condition: "recipient-unavailable" | "resource-constraint" = "recipient-unavailable",
  ): void {
    if (stanza.kind !== "presence" && !messageIsSilent(stanza)) this.#bounce(stanza, condition);
  }

  #bounce(stanza: Stanza, condition: StanzaCondition): void {
    const reply = stanza.errorReply(new StanzaError(condition));
    if (reply?.to) this.#toAsker(reply, reply.to);
  }

  /** The sessions it was meant for ended first: somebody else gets it, or it waits. */
  redeliver(message: Stanza, entry: LogEntry): void {
    const able = mostAvailable(this.registry.of(message.to as Jid).filter(isReceptive));
    // What a session left behind may be more than another has room for at once; and to another node it goes by way of the
    // store, so that what comes after it does not overtake it.
    const { isUnsettled } = this.registry.nodes;
    const full = able.find((target) => !target.session || target.session.saturated || isUnsettled);
    if (able.length === 0 || full || this.drains.of(entry.account)) {
      this.log.release(entry);
      if (full) this.drains.fetch(entry.account, full);
      else this.drains.wake(entry.account);
      if (able.length === 0) void this.offline.announce(entry.account, message);
      return;
    }
    const receipt = new MessageReceipt(this, message, entry, able.length);
    // XEP-0198 §5
    const late = withDelay(message, entry.account.jid.domain, entry.receivedAt);
    for (const target of able) this.registry.send(target, late, receipt);
  }

  /**
   * The sessions that were to have it ended first, and it may wait in no store: somebody else gets it, or its sender is told.
   * XEP-0198 §4, as RFC 6121 §8.5.2.2.1, §8.5.3.2.1 have it
   * @param tried those sessions
   * @param since when the first of them was to have it, ms since 1970
   */
  redirect(message: Stanza, tried: readonly Resource[], since: number): void {
    const to = message.to as Jid;
    // A session that has moved on is another one: `boundAt`.
    const isTried = ({ jid, boundAt }: Resource) =>
      tried.some((one) => one.boundAt === boundAt && one.jid.equals(jid));
    const able = mostAvailable(this.registry.of(to).filter((one) => isReceptive(one) && !isTried(one)));
    if (able.length === 0) {
      this.#bounce(message, "service-unavailable");
      return;
    }
    const receipt = new UnkeptReceipt(this, message, [...tried, ...able], able.length, since);
    const late = withDelay(message, to.domain, since);
    for (const target of able) this.registry.send(target, late, receipt);
  }

  /** Another node cannot take it now: it finds it in the store. */
  wait(entry: LogEntry, node: string): void {
    this.log.release(entry);
    this.drains.waits(entry.account, node);
  }

  /** From another node, for a resource that it believes to be here. */
  take(resource: Resource | undefined, stanza: Stanza, receipt: Receipt | undefined, origin: string): void {
    const session = resource?.session;
    if (!session) {
      // It has moved on. What is kept goes back to where it came from, and from there after those before it.
      if (receipt) receipt.failed();
      else if (resource && resource.node !== origin) this.registry.send(resource, stanza);
      else this.lost(stanza);
      return;
    }
    // It was found in the store meanwhile.
    if (receipt?.kept && this.drains.hasGiven(receipt.kept.id)) {
      this.drains.expect(session, origin);
      receipt.later?.(origin);
      return;
    }
    const drain = this.drains.of(session.account);
    const draining = drain?.serves(resource) === true;
    if (receipt?.kept && (draining || session.saturated || this.registry.nodes.isUnsettled)) {
      this.drains.expect(session, origin);
      receipt.later?.(origin);
    } else if (draining && stanza.kind === "message" && !receipt?.kept && !drain.hasLeft) {
      drain.hold(stanza, receipt);
    } else {
      session.send(stanza, receipt);
    }
  }

  /** A session that does not acknowledge is given no more for the moment; and to another node the way may be blocked. */
  #mustWait(target: Resource, account: Account): boolean {
    const { nodes } = this.registry;
    return target.session
      ? target.session.saturated || nodes.isUnsettled
      : nodes.detours(target.node, account);
  }

  /**
   * @param account for which it would be kept
   * @throws StanzaError where all who should have it are on nodes that take no more for the moment
   */
  #refuse(targets: readonly Resource[], account?: Account): void {
    const { nodes } = this.registry;
    if (targets.every(({ session, node }) => !session && nodes.refuses(node, account)))
      throw new StanzaError("resource-constraint", { text: "Too much waits for the recipient's server." });
  }

  /** Undefined while everything that waits for the database, or for other nodes, has room. */
  #room(targets: readonly Resource[]): Done {
    const room = this.log.room();
    if (room !== undefined) return room;
    for (const { session, node } of targets) {
      const other = session ? undefined : this.registry.nodes.room(node);
      if (other !== undefined) return other;
    }
    return undefined;
  }

  /** It waits for the account's next login; nobody is to be given it now. */
  keep(entry: LogEntry): void {
    this.log.release(entry);
  }

  delivered(entry: LogEntry): void {
    this.log.settle(entry);
  }

  async #undelivered(domain: Domain, message: Stanza): Promise<void> {
    const to = message.to as Jid;
    const account = await this.accounts.find(to);
    // §8.5.1
    if (!account) throw new StanzaError("service-unavailable");
    const event: HookMap["message:undelivered"] = { account: to.bare, stanza: message };
    if (await domain.hooks.fire("message:undelivered", event)) {
      const missed = this.#missed(to, []);
      if (missed) await this.#tellMissed(domain, event.shown ?? message, missed, undefined);
      return;
    }
    nobody(messageType(message));
  }

  /** §8.5.2.1.2, §8.5.3.1: what is not for the server itself (subscriptions, probes) is for available resources. */
  #presence(presence: Stanza): Done {
    const to = presence.to as Jid;
    if (to.resource !== "") {
      const resource = this.registry.get(to);
      return resource && this.#hand(resource, presence);
    }
    if (presence.type === "error") return undefined;
    let room: Done;
    for (const resource of this.registry.of(to)) {
      const full = resource.presence && this.#hand(resource, presence);
      room ??= full;
    }
    return room;
  }

  #iq(domain: Domain, iq: Stanza): Done {
    const to = iq.to as Jid;
    const asks = iq.type === "get" || iq.type === "set";
    if (to.resource !== "") {
      const resource = this.registry.get(to);
      // §8.5.3.2.3
      if (!resource && asks) throw new StanzaError("service-unavailable");
      return resource && this.#hand(resource, iq);
    }
    if (!asks) {
      // §8.5.2.1.3: an answer to a bare JID is for the server, where it asked in the account's name.
      this.requests.settle(iq);
      return undefined;
    }
    return this.answer(domain, iq, to.equals(iq.from?.bare) ? ["account", "server"] : ["account"]);
  }

  /** @returns when there is room for more, where the sender may be read more slowly */
  #hand(resource: Resource, stanza: Stanza): Done {
    this.registry.send(resource, stanza);
    return resource.session ? undefined : this.registry.nodes.room(resource.node);
  }

  /** An iq that the domain answers itself, for itself or on behalf of an account. */
  answer(domain: Domain, iq: Stanza, to: IqRoute["to"][]): Done {
    const answer = domain.iqs.answer(iq, to);
    if (answer instanceof Promise) return answer.then((result) => this.#answer(result));
    return this.#answer(answer);
  }

  #answer(result: Stanza): undefined {
    this.#toAsker(result, result.to as Jid);
    return undefined;
  }

  #toAsker(answer: Stanza, to: Jid): void {
    const asker = this.registry.get(to);
    if (asker) this.registry.send(asker, answer);
    else if (answer.kind === "iq") this.requests.settle(answer);
  }
}

/** One for all targets of a message: the first to deliver it settles it, the last to fail sends it on. */
class MessageReceipt implements Receipt {
  constructor(
    private readonly delivery: Delivery,
    private readonly message: Stanza,
    private readonly entry: LogEntry,
    private left: number,
  ) {}

  doubtful(): void {
    this.delivery.keep(this.entry);
  }

  get kept(): LogEntry {
    return this.entry;
  }

  later(node: string): void {
    this.left = Number.POSITIVE_INFINITY;
    this.delivery.wait(this.entry, node);
  }

  delivered(): void {
    this.left = Number.POSITIVE_INFINITY;
    this.delivery.delivered(this.entry);
  }

  failed(): void {
    this.left -= 1;
    if (this.left === 0) this.delivery.redeliver(this.message, this.entry);
  }

  refused(): void {
    this.left -= 1;
    if (this.left === 0) this.delivery.keep(this.entry);
  }
}

/** Likewise for a message that is in no store, and is lost if none of them delivers it. */
class UnkeptReceipt implements Receipt {
  constructor(
    private readonly delivery: Delivery,
    private readonly message: Stanza,
    /** Who was given it so far; of these the last `left` have not said what became of it. */
    private readonly tried: readonly Resource[],
    private left: number,
    private readonly since = Date.now(),
  ) {}

  delivered(): void {
    this.left = Number.POSITIVE_INFINITY;
  }

  failed(): void {
    this.left -= 1;
    if (this.left === 0) this.delivery.redirect(this.message, this.tried, this.since);
  }
}

/** Nobody waits to hear that it was lost: headlines, and what is only for the moment; or it has a receipt. */
function messageIsSilent(stanza: Stanza): boolean {
  return stanza.kind === "message" && messageType(stanza) !== "groupchat";
}

/** Where RFC 6121 §8.5 leaves a choice, the sender is told; headlines and errors pass in silence, as they must. */
function nobody(type: MessageType): undefined {
  if (type !== "headline" && type !== "error") throw new StanzaError("service-unavailable");
}

/** All that share the highest priority. */
function mostAvailable(resources: readonly Resource[]): readonly Resource[] {
  if (resources.length < 2) return resources;
  const top = Math.max(...resources.map((resource) => resource.priority));
  return resources.filter((resource) => resource.priority === top);
}
