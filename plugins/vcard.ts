/** vcard-temp: XEP-0054. */
import {
  definePlugin,
  detached,
  type Element,
  type Jid,
  type KeyValueStore,
  type PluginContext,
  parseElement,
  StanzaError,
  serialize,
  size,
  z,
} from "../src/plugin/api.js";

const NS_VCARD = "vcard-temp";
const KEY = "vcard";

const options = z.strictObject({
  maxSize: size({ min: 1024 }).prefault("128 KiB").describe("The largest vCard, its picture included."),
});

export default definePlugin<z.output<typeof options>>({
  name: "vcard",
  about: "Keeps a vCard for each account, which everybody may read.",
  options,
  setup(ctx, { maxSize }) {
    ctx.feature(NS_VCARD);
    ctx.feature(NS_VCARD, "account");
    const cards = new Cards(ctx, maxSize);
    const card = { to: "account", ns: NS_VCARD, name: "vCard" } as const;
    ctx.iq({ ...card, type: "get" }, (iq) => cards.get(iq.to, iq.from));
    ctx.iq({ ...card, type: "set", missing: true }, (iq, payload) => cards.set(iq.to, iq.from, payload));
  },
});

class Cards {
  readonly #store: KeyValueStore<string>;

  /** @param maxSize bytes */
  constructor(
    private readonly ctx: PluginContext,
    private readonly maxSize: number,
  ) {
    this.#store = ctx.store<string>("cards");
  }

  async get(owner: Jid, asker: Jid): Promise<Element> {
    const account = await this.ctx.account(owner);
    const kept = account && (await this.#store.get(account, KEY));
    if (kept !== undefined) return parseElement(kept);
    // §3.1 for one's own; §3.3 for another's: the same as where there is no such account.
    throw new StanzaError(asker.sameBare(owner) ? "item-not-found" : "service-unavailable");
  }

  async set(owner: Jid, sender: Jid, card: Element): Promise<undefined> {
    // §3.2
    if (!sender.sameBare(owner)) throw new StanzaError("forbidden");
    const account = await this.ctx.account(owner);
    if (!account) throw new StanzaError("not-allowed", { text: "an anonymous user has no vCard" });
    const text = serialize(detached(card));
    if (Buffer.byteLength(text) > this.maxSize) {
      throw new StanzaError("policy-violation", { text: `a vCard may have ${this.maxSize} bytes` });
    }
    const isEmpty = card.getChildElements().length === 0;
    await this.#store.set(account, KEY, isEmpty ? undefined : text);
  }
}
