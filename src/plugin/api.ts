/**
 * All that a plugin may import. Built-in features (`src/im`) are written against it too; if they cannot be, it is wrong.
 */
import type { ZodType } from "zod";
import type { HookFunction, HookPoint } from "../hooks.js";
import type { Logger } from "../log.js";
import type { Session, Sessions } from "../session/session.js";
import type { Account, Storage } from "../storage/types.js";
import type { HttpRoute } from "../transport/http-route.js";
import type { Element } from "../xml/element.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";

export { z } from "zod";
export { deriveCredentials, verifyPassword } from "../auth/keys.js";
export { PasswordError } from "../auth/password.js";
export type { Credentials } from "../auth/types.js";
/** Building blocks for options, as the configuration itself uses them. */
export { count, duration, listOf, section, size, text } from "../config/values.js";
export type { HookFunction, HookMap, HookPoint, Verdict } from "../hooks.js";
export type { Logger } from "../log.js";
export type { Receipt, Resource, Session, Sessions, Valve } from "../session/session.js";
export { isReceptive } from "../session/session.js";
export { sharedSecret } from "../storage/shared-secret.js";
export type {
  Account,
  ArchivedMessage,
  ArchiveQuery,
  PendingMessage,
  RosterChange,
  RosterEntry,
  Storage,
  Subscription,
} from "../storage/types.js";
export type { StreamInfo } from "../stream/info.js";
export { HttpError } from "../transport/http-error.js";
export type { HttpMethod, HttpRequest, HttpResponse, HttpRoute } from "../transport/http-route.js";
export { networkOf } from "../transport/network.js";
export { version } from "../version.js";
export { detached } from "../xml/detached.js";
export { Element, firstChild, isElement, serialize, xml } from "../xml/element.js";
export { parseElement } from "../xml/parse.js";
export { StanzaError, StreamError } from "../xmpp/errors.js";
export { Jid } from "../xmpp/jid.js";
export { Stanza } from "../xmpp/stanza.js";

export interface IqRoute {
  type: "get" | "set";
  /**
   * `server`: addressed to the domain, or without `to`. `account`: addressed to a bare JID of the domain, or without `to`
   * (then `iq.to` is the sender's own bare JID, RFC 6120 §8.1.1.1). A payload that may be meant both ways is routed twice.
   */
  to: "server" | "account";
  /** Namespace and local name of the iq's one child. */
  ns: string;
  name: string;
  /**
   * `account` only: the handler is also asked where there is no such account, so that its answer need not betray that.
   * By default the sender is told `service-unavailable` then, RFC 6121 §8.5.1.
   */
  missing?: boolean;
}

/**
 * Answers an iq: the payload of the result, or nothing for an empty one. What it throws as StanzaError goes to the
 * sender; anything else becomes `internal-server-error`. `iq.from` and `iq.to` are set. Whether the sender may ask is for
 * the handler to decide.
 * @param payload the iq's one child.
 */
export type IqHandler = (
  iq: Stanza & { from: Jid; to: Jid },
  payload: Element,
) => Promise<Element | undefined> | Element | undefined;

/**
 * Takes a first-level element that is no stanza. What came after it waits for the promise, if any. A StreamError that it
 * throws ends the stream; so does anything else, with `internal-server-error`.
 */
export type NonzaHandler = (session: Session, element: Element) => void | Promise<void>;

export interface DiscoIdentity {
  category: string;
  type: string;
  name?: string;
}

/** How archives are found from outside; what is in them, `PluginContext.storage.archive` tells. */
export interface ArchiveAccess {
  /** The name that a message has in an account's archive (XEP-0359): opaque, and the same for good. */
  nameOf(account: Account, id: number): string;
  /** The message; undefined for a name that was never given for this account. */
  idOf(account: Account, name: string): number | undefined;
  /** Resolves when all that was archived so far can be found; rejects when the database fails. */
  complete(): Promise<void>;
  /** The lowest id that a message can have that was taken at a time, ms since 1970. */
  firstIdAt(time: number): number;
  /** When a message was taken, ms since 1970. */
  timeOf(id: number): number;
}

/** What service discovery tells of a domain or its accounts. */
export interface Announced {
  identities: DiscoIdentity[];
  features: string[];
  forms: Element[];
}

/** What a plugin gets for one domain. All that is registered through it is undone when the plugin stops. */
export interface PluginContext {
  readonly name: string;
  readonly domain: string;
  readonly log: Logger;
  readonly storage: Storage;
  readonly sessions: Sessions;
  /** `auth.iterations`: what `deriveCredentials` is to be given, so that all accounts look alike. */
  readonly iterations: number;
  /** Higher priority runs earlier; built-in features run below 0. */
  hook<K extends HookPoint>(point: K, fn: HookFunction<K>, priority?: number): void;
  iq(route: IqRoute, handler: IqHandler): void;
  /** A first-level element besides stanzas, on streams that have bound a resource: by namespace and local name. */
  nonza(kind: { ns: string; name: string }, handler: NonzaHandler): void;
  /**
   * Answers the HTTP requests for a path. Where several domains have the path, the one that a request names as its host
   * gets it, or the first.
   * @returns takes it back, for a route that is there for a while only; all others are taken back when the plugin stops.
   */
  http(route: HttpRoute): () => void;
  /** A domain's accounts have archives where somebody is hooked at `message:archiving`. */
  readonly archive: ArchiveAccess;
  /** The https address at which clients find those paths, without a slash at its end; known once the server listens. */
  readonly webAddress: string | undefined;
  /**
   * The http address of the same for the domain `localhost`, which programs on this machine reach without a certificate
   * that they would have to trust; undefined for all other domains, and where `http.url` says something else.
   */
  readonly localWebAddress: string | undefined;
  /** The folder `data` of the configuration. What a plugin keeps there goes into a folder that is named after it. */
  readonly dataFolder: string;
  /**
   * Announces a namespace in service discovery (XEP-0030): `server` = of the domain (default), `account` = of each
   * account's bare JID.
   */
  feature(namespace: string, of?: "server" | "account"): void;
  identity(identity: DiscoIdentity, of?: "server" | "account"): void;
  /** A data form among what is announced (XEP-0128): an `<x/>` whose FORM_TYPE nobody else uses. */
  form(form: Element, of?: "server" | "account"): void;
  /** What is announced by everything loaded on this domain. */
  announced(of: "server" | "account"): Announced;
  /** Other entities of this server, for disco#items of the domain. */
  item(item: { jid: Jid; name?: string }): void;
  items(): readonly { jid: Jid; name?: string }[];
  /** The account of a bare or full JID of this domain; undefined: no such account. Cached. */
  account(jid: Jid): Promise<Account | undefined>;
  /** Drops what is cached of an account; to be called after creating one. */
  accountChanged(jid: Jid): void;
  /**
   * Removes an account of this domain with all that is kept for it, cancels its subscriptions both ways, and ends its
   * sessions in the next turn of the event loop: what is sent before reaches them.
   * @returns false when it is gone already.
   */
  removeAccount(account: Account): Promise<boolean>;
  /**
   * Routes a stanza to wherever its `to` points, with all rules of RFC 6121 §8. Resolves when it is on its way; rejects
   * when it cannot be. Errors that its recipient answers go to its `from`.
   */
  route(stanza: Stanza): Promise<void>;
  /**
   * Asks somebody in the name of the domain or of an account.
   * @param iq of type get or set, from the domain or a bare JID of it; an id is given to it.
   * @param timeout ms
   * @returns the result. Rejects with the StanzaError that was answered or stood in the way, with
   *   `remote-server-timeout` when no answer came, and with `resource-constraint` when too many are waited for.
   */
  request(iq: Stanza, timeout: number): Promise<Stanza>;
  /** Runs `work` when all earlier work for the same key on this node is done. */
  inTurn<T>(key: string, work: () => Promise<T>): Promise<T>;
  /**
   * Tells this plugin of this domain on all other nodes, such as that something it remembers has changed. A node that
   * joins later is not told: `tellNewcomers`.
   * @param news what JSON can say
   */
  tellOthers(news: unknown): void;
  /**
   * What a node that joins is to be told of what this one remembers. It may be told twice, and be told of what it knows.
   * @param report news, as for `tellOthers`
   */
  tellNewcomers(report: () => Iterable<unknown>): void;
  /** Is given what `tellOthers` and `tellNewcomers` told on another node. */
  onTold(fn: (news: unknown) => void): void;
  /** Values of a plugin's own, by key, for an account or (undefined) for the domain. */
  store<T>(name: string): KeyValueStore<T>;
  onStop(fn: () => void | Promise<void>): void;
}

export interface KeyValueStore<T> {
  get(account: Account | undefined, key: string): Promise<T | undefined>;
  set(account: Account | undefined, key: string, value: T | undefined): Promise<void>;
  /** As `set`, all of them or none. */
  setAll(account: Account | undefined, values: ReadonlyMap<string, T | undefined>): Promise<void>;
  /**
   * Sets a value if `before` is what is there (undefined: nothing), as one step, whatever other nodes do at once.
   * @returns whether it was there
   */
  replace(account: Account | undefined, key: string, before: T | undefined, value: T): Promise<boolean>;
  keys(account: Account | undefined, limit: number): Promise<string[]>;
}

export interface Plugin<O = unknown> {
  name: string;
  /** One sentence for `sluice hooks` and the docs. */
  about?: string;
  /** Plugins that must be set up before. */
  requires?: readonly string[];
  /** A strict zod object whose every key has a default and a description. */
  options?: ZodType<O>;
  setup(context: PluginContext, options: O): void | Promise<void>;
}

/**
 * Whether somebody may know of an account's presence: its owner, and contacts whose subscription is "from" or "both"
 * (RFC 6121 §2.1.2.5). Nobody may know of an account that does not exist, other than the sender himself.
 * @param account bare JID of this domain
 */
export async function maySeePresence(
  context: Pick<PluginContext, "account" | "storage">,
  account: Jid,
  viewer: Jid,
): Promise<boolean> {
  if (viewer.sameBare(account)) return true;
  const stored = await context.account(account);
  const entry = stored && (await context.storage.rosters.get(stored, viewer.bare));
  return entry?.subscription === "from" || entry?.subscription === "both";
}

/** Types a plugin's options: `export default definePlugin({ … })`. */
export function definePlugin<O = Record<string, never>>(plugin: Plugin<O>): Plugin<O> {
  return plugin;
}
