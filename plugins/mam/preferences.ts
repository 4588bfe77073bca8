import { LRUCache } from "lru-cache";
import {
  type Account,
  type Element,
  Jid,
  type PluginContext,
  StanzaError,
  xml,
} from "../../src/plugin/api.js";
import { NS_MAM } from "./namespaces.js";
import { POLICIES, type Policy } from "./options.js";

/** Addresses in each list. */
const MAX_LISTED = 500;

interface Chosen {
  readonly default: Policy;
  readonly always: readonly string[];
  readonly never: readonly string[];
}

/** What an account wants in its archive: XEP-0441. */
export class Preferences {
  readonly #store;
  /** Another node that changes them tells so, but may not reach this one: they are not remembered for long. */
  readonly #known = new LRUCache<number, Chosen>({ max: 10_000, ttl: 60_000 });

  constructor(
    private readonly ctx: Pick<PluginContext, "store" | "storage" | "tellOthers" | "onTold">,
    private readonly standard: Policy,
  ) {
    this.#store = ctx.store<Chosen>("preferences");
    ctx.onTold((accountId) => this.#known.delete(accountId as number));
  }

  /** Whether messages to or from `peer` go into the account's archive. A promise only where something has to be asked. */
  want(account: Account, peer: Jid): boolean | Promise<boolean> {
    const known = this.#known.get(account.id);
    if (known) return this.#decide(known, account, peer);
    return this.#of(account).then((chosen) => this.#decide(chosen, account, peer));
  }

  async element(account: Account): Promise<Element> {
    const { default: policy, always, never } = await this.#of(account);
    const listed = (name: string, jids: readonly string[]) =>
      xml(name, {}, ...jids.map((jid) => xml("jid", {}, jid)));
    return xml("prefs", { xmlns: NS_MAM, default: policy }, listed("always", always), listed("never", never));
  }

  /** @throws StanzaError */
  async set(account: Account, prefs: Element): Promise<void> {
    const policy = POLICIES.find((one) => one === prefs.attrs.default);
    if (!policy) throw new StanzaError("bad-request");
    const chosen = {
      default: policy,
      always: readList(prefs.getChild("always")),
      never: readList(prefs.getChild("never")),
    };
    await this.#store.set(account, "chosen", chosen);
    this.#known.set(account.id, chosen);
    this.ctx.tellOthers(account.id);
  }

  /** XEP-0441 §2.3 */
  #decide(chosen: Chosen, account: Account, peer: Jid): boolean | Promise<boolean> {
    if (isListed(chosen.never, peer)) return false;
    if (isListed(chosen.always, peer)) return true;
    return chosen.default === "roster" ? this.#isContact(account, peer) : chosen.default === "always";
  }

  async #isContact(account: Account, peer: Jid): Promise<boolean> {
    const entry = await this.ctx.storage.rosters.get(account, peer.bare);
    return entry?.listed === true;
  }

  async #of(account: Account): Promise<Chosen> {
    const stored = await this.#store.get(account, "chosen");
    // They may have been changed meanwhile.
    const chosen = this.#known.get(account.id) ?? stored ?? { default: this.standard, always: [], never: [] };
    this.#known.set(account.id, chosen);
    return chosen;
  }
}

function isListed(jids: readonly string[], peer: Jid): boolean {
  return jids.length > 0 && (jids.includes(peer.text) || jids.includes(peer.bareText));
}

function readList(list: Element | undefined): string[] {
  const texts = list?.getChildren("jid").map((jid) => jid.getText().trim()) ?? [];
  if (texts.length > MAX_LISTED)
    throw new StanzaError("not-acceptable", { text: `no more than ${MAX_LISTED} addresses in a list` });
  const jids = texts.map((text) => {
    const jid = Jid.tryParse(text);
    if (!jid) throw new StanzaError("jid-malformed");
    return jid.text;
  });
  return [...new Set(jids)];
}
