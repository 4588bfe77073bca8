/** Private XML Storage: XEP-0049. */
import {
  type Account,
  count,
  definePlugin,
  detached,
  type Element,
  type IqHandler,
  type Jid,
  type PluginContext,
  parseElement,
  StanzaError,
  serialize,
  size,
  xml,
  z,
} from "../src/plugin/api.js";

const NS_PRIVATE = "jabber:iq:private";

const options = z.strictObject({
  maxSize: size({ min: 1024 }).prefault("64 KiB").describe("The largest element that one account may keep."),
  maxElements: count({ min: 1, max: 10_000 })
    .prefault(100)
    .describe("How many elements, by name and namespace, one account may keep."),
});
type Options = z.output<typeof options>;

export default definePlugin<Options>({
  name: "private",
  about: "Keeps private XML for each account's own clients.",
  options,
  setup(ctx, limits) {
    ctx.feature(NS_PRIVATE);
    ctx.feature(NS_PRIVATE, "account");
    const storage = new PrivateStorage(ctx, limits);
    const query = { to: "account", ns: NS_PRIVATE, name: "query", missing: true } as const;
    ctx.iq(
      { ...query, type: "get" },
      owned((jid, payload) => storage.get(jid, payload)),
    );
    ctx.iq(
      { ...query, type: "set" },
      owned((jid, payload) => storage.set(jid, payload)),
    );
  },
});

/** XEP-0049 §2.3: nobody gets or sets another's data; where there is no such account the answer is the same. */
function owned(handle: (account: Jid, query: Element) => ReturnType<IqHandler>): IqHandler {
  return (iq, query) => {
    if (!iq.from.sameBare(iq.to)) throw new StanzaError("forbidden");
    return handle(iq.to, query);
  };
}

class PrivateStorage {
  readonly #store;

  constructor(
    private readonly ctx: PluginContext,
    private readonly limits: Options,
  ) {
    this.#store = ctx.store<string>("elements");
  }

  async get(jid: Jid, query: Element): Promise<Element> {
    // §2.3 speaks of "bad format", which RFC 6120 has as bad-request (§8.3.3.1).
    const asked = onlyChild(query, "bad-request");
    const account = await this.ctx.account(jid);
    const kept = account && (await this.#store.get(account, keyOf(asked)));
    const nothing = xml(asked.getName(), { xmlns: asked.getNS() });
    return xml("query", { xmlns: NS_PRIVATE }, kept === undefined ? nothing : parseElement(kept));
  }

  /** An element without any content takes away what was kept under its name; what is returned is the same. */
  async set(jid: Jid, query: Element): Promise<undefined> {
    const element = onlyChild(query, "not-acceptable");
    const account = await this.ctx.account(jid);
    if (!account) throw new StanzaError("not-allowed", { text: "an anonymous user keeps nothing" });
    const value = isEmpty(element) ? undefined : serialize(detached(element));
    if (value !== undefined && Buffer.byteLength(value) > this.limits.maxSize) {
      throw new StanzaError("policy-violation", { text: `at most ${this.limits.maxSize} bytes are kept` });
    }
    await this.ctx.inTurn(`private ${jid}`, () => this.#put(account, keyOf(element), value));
  }

  async #put(account: Account, key: string, value: string | undefined): Promise<void> {
    const { maxElements } = this.limits;
    if (value !== undefined && (await this.#store.get(account, key)) === undefined) {
      const kept = await this.#store.keys(account, maxElements);
      if (kept.length >= maxElements) {
        throw new StanzaError("policy-violation", { text: `at most ${maxElements} elements are kept` });
      }
    }
    await this.#store.set(account, key, value);
  }
}

/**
 * §2.3: one element in a namespace of its own, which is none of the reserved ones.
 * @param none what an iq without any such element gets
 * @throws StanzaError
 */
function onlyChild(query: Element, none: "bad-request" | "not-acceptable"): Element {
  const children = query.getChildElements();
  const [child] = children;
  if (!child) throw new StanzaError(none, { text: "an element is missing" });
  if (children.length > 1) throw new StanzaError(none, { text: "one element at a time" });
  if (isReserved(child.getNS() ?? ""))
    throw new StanzaError("not-acceptable", { text: "a reserved namespace" });
  return child;
}

/** §2.3 and §3. An element without a namespace of its own has that of the query, which is among them. */
function isReserved(ns: string): boolean {
  return ns === "" || ns === "vcard-temp" || ns.startsWith("jabber:") || ns.startsWith("http://jabber.org/");
}

function isEmpty(element: Element): boolean {
  const attributes = Object.keys(element.attrs).filter((name) => !/^xmlns(:|$)/.test(name));
  return attributes.length === 0 && element.children.every((child) => child === "");
}

function keyOf(element: Element): string {
  return `${element.getNS()} ${element.getName()}`;
}
