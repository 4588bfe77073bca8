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

/** Where to publish, and with which options. */
export interface Registration {
  jid: string;
  node?: string;
  /** The data form of the publish options, as text. */
  options?: string;
  /** When it was made, ms since 1970. */
  since: number;
}

/** The services that each account has told to be notified of its messages: XEP-0357 §5, §6. */
export class Registrations {
  readonly #store;
  /** What each session has registered itself. */
  readonly #ofSession = new WeakMap<Session, Set<string>>();

  constructor(
    private readonly ctx: PluginContext,
    private readonly max: number,
  ) {
    this.#store = ctx.store<Registration>("services");
  }

  async enable(account: Jid, session: Session | undefined, made: Registration): Promise<void> {
    const stored = await this.ctx.account(account);
    if (!stored) throw new StanzaError("not-allowed", { text: "an anonymous user is not woken" });
    const key = keyOf(made);
    await this.#inTurn(account, async () => {
      if ((await this.#store.get(stored, key)) === undefined) await this.#makeRoom(stored);
      await this.#store.set(stored, key, made);
    });
    if (!session) return;
    const keys = this.#ofSession.get(session) ?? new Set();
    this.#ofSession.set(session, keys.add(key));
  }

  /** @param which without node: all of the service. @returns whether there was one. */
  async disable(jid: Jid, which: { jid: string; node?: string }): Promise<boolean> {
    const account = await this.ctx.account(jid);
    if (!account) return false;
    return this.#inTurn(jid, async () => {
      const kept = await this.list(account);
      const meant = kept.filter(
        (one) => one.jid === which.jid && (which.node === undefined || one.node === which.node),
      );
      for (const one of meant) await this.#store.set(account, keyOf(one), undefined);
      return meant.length > 0;
    });
  }

  async list(account: Account): Promise<Registration[]> {
    const keys = await this.#store.keys(account, this.max);
    const found = await Promise.all(keys.map((key) => this.#store.get(account, key)));
    return found.filter((one) => one !== undefined);
  }

  get(account: Account, key: string): Promise<Registration | undefined> {
    return this.#store.get(account, key);
  }

  async keys(account: Account): Promise<string[]> {
    return this.#store.keys(account, this.max);
  }

  remove(account: Account, key: string): Promise<void> {
    return this.#store.set(account, key, undefined);
  }

  /** Keys of what a session registered; some of them may have been removed since. */
  of(session: Session): Iterable<string> {
    return this.#ofSession.get(session) ?? [];
  }

  /** A client that registers anew under ever new names must not be refused for what it has forgotten itself. */
  async #makeRoom(account: Account): Promise<void> {
    const kept = await this.list(account);
    if (kept.length < this.max) return;
    const [oldest] = kept.sort((a, b) => a.since - b.since);
    await this.#store.set(account, keyOf(oldest), undefined);
  }

  #inTurn<T>(account: Jid, work: () => Promise<T>): Promise<T> {
    return this.ctx.inTurn(`push ${account.bareText}`, work);
  }
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
