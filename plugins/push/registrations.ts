import { createHash } from "node:crypto";
import { LRUCache } from "lru-cache";
import {
  type Account,
  detached,
  type Element,
  Jid,
  type PluginContext,
  type Session,
  StanzaError,
  serialize,
} from "../../src/plugin/api.js";

export const NS_PUSH = "urn:xmpp:push:0";
const NS_FORM = "jabber:x:data";
export const PUBLISH_OPTIONS = "http://jabber.org/protocol/pubsub#publish-options";
/** Characters of a node's name and of the options to publish with. */
const NODE_MAX = 1024;
const FORM_MAX = 8192;
/** Accounts whose services are remembered, and ms: what another node changes is seen after that. */
const KNOWN_MAX = 10_000;
const KNOWN_FOR = 60_000;

/** Where to publish, and with which options. */
export interface Registration {
  jid: string;
  node?: string;
  /** The data form of the publish options, as text. */
  options?: string;
  /** When it was made, ms since 1970. */
  since: number;
}

export type Registered = ReadonlyMap<string, Registration>;

const NONE: Registered = new Map();

/** The services that each account has told to be notified of its messages: XEP-0357 §5, §6. */
export class Registrations {
  readonly #store;
  /** By account id, oldest first. */
  readonly #known = new Map<number, { registered: Registered; until: number }>();
  /** Bare JIDs of accounts that have none. */
  readonly #without = new LRUCache<string, true>({ max: KNOWN_MAX, ttl: KNOWN_FOR });
  /** What each session has registered itself. */
  readonly #ofSession = new WeakMap<Session, Set<string>>();

  constructor(
    private readonly ctx: PluginContext,
    private readonly max: number,
    /** Told whenever something is changed here. */
    private readonly changed: (accountId: number) => void,
  ) {
    this.#store = ctx.store<Registration>("services");
  }

  /** Another node has changed what an account has. */
  forget(accountId: number): void {
    this.#known.delete(accountId);
    this.#without.clear();
  }

  async enable(jid: Jid, session: Session | undefined, made: Registration): Promise<void> {
    const account = await this.ctx.account(jid);
    if (!account) throw new StanzaError("not-allowed", { text: "an anonymous user is not woken" });
    const key = keyOf(made);
    await this.#change(account, async () => {
      if ((await this.#store.get(account, key)) === undefined) await this.#makeRoom(account);
      await this.#store.set(account, key, made);
    });
    if (!session) return;
    const keys = this.#ofSession.get(session) ?? new Set();
    this.#ofSession.set(session, keys.add(key));
    // All nodes see it in the session's row.
    this.ctx.sessions.flag(session, flagOf(key), true);
  }

  /** @param which without node: all of the service. @returns whether there was one. */
  async disable(jid: Jid, which: { jid: string; node?: string }): Promise<boolean> {
    const account = await this.ctx.account(jid);
    if (!account) return false;
    return this.#change(account, async () => {
      const kept = [...(await this.#read(account))];
      const meant = kept.filter(
        ([, one]) => one.jid === which.jid && (which.node === undefined || one.node === which.node),
      );
      for (const [key] of meant) await this.#store.set(account, key, undefined);
      return meant.length > 0;
    });
  }

  remove(account: Account, key: string): Promise<void> {
    return this.#change(account, () => this.#store.set(account, key, undefined));
  }

  /** False when the account is known to have none: this is asked for each message. */
  mayHave(jid: Jid): boolean {
    return !this.#without.has(jid.bareText);
  }

  /** All of an account of this domain, by key; none where there is no such account. */
  async listOf(jid: Jid): Promise<Registered> {
    const account = await this.ctx.account(jid);
    const registered = account ? await this.list(account) : NONE;
    if (registered.size === 0) this.#without.set(jid.bareText, true);
    return registered;
  }

  /** All of an account, by key. A promise only where the database has to be asked. */
  list(account: Account): Registered | Promise<Registered> {
    const known = this.#known.get(account.id);
    if (known && Date.now() < known.until) return known.registered;
    return this.#inTurn(account, async () => {
      const registered = await this.#read(account);
      this.#remember(account, registered);
      return registered;
    });
  }

  /** Keys of what a session registered; some of them may have been removed since. */
  of(session: Session): Iterable<string> {
    return this.#ofSession.get(session) ?? [];
  }

  /** What a session has registered on another node, where it was before. */
  arrived(session: Session, keys: readonly string[]): void {
    if (keys.length > 0) this.#ofSession.set(session, new Set(keys));
  }

  async #read(account: Account): Promise<Registered> {
    const found = new Map<string, Registration>();
    for (const key of await this.#store.keys(account, this.max)) {
      const one = await this.#store.get(account, key);
      if (one) found.set(key, one);
    }
    return found;
  }

  /** A client that registers anew under ever new names must not be refused for what it has forgotten itself. */
  async #makeRoom(account: Account): Promise<void> {
    const kept = [...(await this.#read(account))];
    if (kept.length < this.max) return;
    const [[oldest]] = kept.sort(([, a], [, b]) => a.since - b.since);
    await this.#store.set(account, oldest, undefined);
  }

  async #change<T>(account: Account, work: () => Promise<T>): Promise<T> {
    return this.#inTurn(account, async () => {
      try {
        return await work();
      } finally {
        this.#known.delete(account.id);
        this.#without.delete(account.jid.bareText);
        this.changed(account.id);
      }
    });
  }

  #inTurn<T>({ jid }: Account, work: () => Promise<T>): Promise<T> {
    return this.ctx.inTurn(`push ${jid.text}`, work);
  }

  #remember({ id }: Account, registered: Registered): void {
    this.#known.delete(id);
    this.#known.set(id, { registered, until: Date.now() + KNOWN_FOR });
    if (this.#known.size <= KNOWN_MAX) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

/** That a session has registered a service: short, since all nodes keep it. */
export function flagOf(key: string): string {
  return `push/${createHash("sha256").update(key).digest("base64url").slice(0, 12)}`;
}

/** §5: one for each address and node. */
function keyOf({ jid, node }: { jid: string; node?: string }): string {
  return node === undefined ? jid : `${jid} ${node}`;
}

/** @throws StanzaError `bad-request`, `jid-malformed`, `policy-violation` */
export function readEnable(enable: Element): Registration {
  const { jid, node } = readDisable(enable);
  return { jid, node, options: readOptions(enable), since: Date.now() };
}

/** @throws StanzaError `bad-request`, `jid-malformed`, `policy-violation` */
export function readDisable({ attrs }: Element): { jid: string; node?: string } {
  if (attrs.jid === undefined) throw new StanzaError("bad-request", { text: "the service's jid is missing" });
  const jid = Jid.tryParse(attrs.jid);
  if (!jid) throw new StanzaError("jid-malformed");
  if ((attrs.node?.length ?? 0) > NODE_MAX)
    throw new StanzaError("policy-violation", { text: "a long node" });
  return { jid: jid.text, node: attrs.node };
}

function readOptions(enable: Element): string | undefined {
  const form = enable.getChild("x", NS_FORM);
  if (!form) return undefined;
  const type = form.getChildren("field").find((field) => field.attrs.var === "FORM_TYPE");
  if (type?.getChildText("value") !== PUBLISH_OPTIONS) {
    throw new StanzaError("bad-request", { text: `a form of another type than ${PUBLISH_OPTIONS}` });
  }
  const text = serialize(detached(form));
  if (text.length > FORM_MAX) throw new StanzaError("policy-violation", { text: "a large form" });
  return text;
}
