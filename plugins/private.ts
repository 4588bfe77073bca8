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

/** What `maxElements` may be at the most. */
const ELEMENTS_MAX = 10_000;

const options = z.strictObject({
  maxSize: size({ min: 1024 }).prefault("64 KiB").describe("The largest element that one account may keep."),
  maxElements: count({ min: 1, max: ELEMENTS_MAX })
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
    const asked = ofOneNamespace(query, "bad-request");
    const account = await this.ctx.account(jid);
    const found = xml("query", { xmlns: NS_PRIVATE });
    for (const element of new Map(asked.map((one) => [keyOf(one), one])).values()) {
      const kept = account && (await this.#store.get(account, keyOf(element)));
      const nothing = xml(element.getName(), { xmlns: element.getNS() });
      found.append(...(kept === undefined ? [nothing] : parseElements(kept)));
    }
    return found;
  }

  async set(jid: Jid, query: Element): Promise<undefined> {
    const values = valuesOf(ofOneNamespace(query, "not-acceptable"));
    const account = await this.ctx.account(jid);
    if (!account) throw new StanzaError("not-allowed", { text: "an anonymous user keeps nothing" });
    const { maxSize } = this.limits;
    if ([...values.values()].some((value) => Buffer.byteLength(value ?? "") > maxSize))
      throw new StanzaError("policy-violation", { text: `at most ${maxSize} bytes are kept` });
    await this.ctx.inTurn(`private ${jid}`, () => this.#put(account, values));
  }

  async #put(account: Account, values: ReadonlyMap<string, string | undefined>): Promise<void> {
    const before = new Set(await this.#store.keys(account, ELEMENTS_MAX));
    const after = new Set(before);
    for (const [key, value] of values) {
      if (value === undefined) after.delete(key);
      else after.add(key);
    }
    // Where the limit was lowered, what is there may still change.
    if (after.size > Math.max(this.limits.maxElements, before.size))
      throw new StanzaError("policy-violation", {
        text: `at most ${this.limits.maxElements} elements are kept`,
      });
    await this.#store.setAll(account, values);
  }
}

/**
 * What is to be kept by name, as text; an element without any content takes away what was kept under its name (what is
 * returned is the same).
 */
function valuesOf(elements: readonly Element[]): Map<string, string | undefined> {
  const values = new Map<string, string | undefined>();
  for (const element of elements) {
    const before = values.get(keyOf(element));
    const text = isEmpty(element) ? undefined : serialize(detached(element));
    values.set(keyOf(element), before === undefined ? text : before + (text ?? ""));
  }
  return values;
}

/** The elements in one value: those of one name that were set together. */
function parseElements(kept: string): Element[] {
  return parseElement(`<kept>${kept}</kept>`).getChildElements();
}

/**
 * §2.3: elements of one namespace, which is none of the reserved ones.
 * @param otherwise what an iq gets that has no element, or elements of several namespaces
 * @throws StanzaError
 */
function ofOneNamespace(query: Element, otherwise: "bad-request" | "not-acceptable"): Element[] {
  const elements = query.getChildElements();
  const [ns, ...others] = new Set(elements.map((element) => element.getNS() ?? ""));
  if (ns === undefined) throw new StanzaError(otherwise, { text: "an element is missing" });
  if (others.length > 0) throw new StanzaError(otherwise, { text: "one namespace at a time" });
  if (isReserved(ns)) throw new StanzaError("not-acceptable", { text: "a reserved namespace" });
  return elements;
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
