import { LRUCache } from "lru-cache";
import { Jid, type PluginContext, type Session, StanzaError } from "../plugin/api.js";

/** Sessions of other nodes whose lists are known here. */
const MAX_ELSEWHERE = 10_000;

/** Beside the plugin, so that its reload forgets nobody. */
const lists = new WeakMap<Session, Map<string, Jid>>();

/** What a node tells the others of the list of a session (full JID), since it may die. */
type News = { of: string; add: string[] } | { of: string; remove: string } | { of: string; over: true };

/**
 * To whom each session of this node sent available presence directly, and who therefore has to hear of its end.
 * RFC 6121 §4.6.1
 */
export class DirectedPresence {
  readonly #elsewhere = new LRUCache<string, Map<string, Jid>>({ max: MAX_ELSEWHERE });

  /** @param max addresses for each session. */
  constructor(
    private readonly max: number,
    private readonly ctx: Pick<
      PluginContext,
      "domain" | "sessions" | "tellOthers" | "tellNewcomers" | "onTold"
    >,
  ) {
    ctx.onTold((news) => this.#told(news as News));
    ctx.tellNewcomers(() => this.#report());
  }

  /** @throws StanzaError `resource-constraint`: who could not be told of the end is not told of the beginning. */
  add(session: Session, to: Jid): void {
    const list = lists.get(session) ?? new Map<string, Jid>();
    if (!list.has(to.text) && list.size >= this.max) {
      throw new StanzaError("resource-constraint", {
        text: `directed presence goes to ${this.max} addresses`,
      });
    }
    if (!list.has(to.text)) this.#tell({ of: session.jid.text, add: [to.text] });
    lists.set(session, list.set(to.text, to));
  }

  remove(session: Session, to: Jid): void {
    if (lists.get(session)?.delete(to.text)) this.#tell({ of: session.jid.text, remove: to.text });
  }

  has(session: Session, to: Jid): boolean {
    return lists.get(session)?.has(to.text) ?? false;
  }

  /** For another node. */
  pack(session: Session): string[] {
    return this.#taken(session).map((jid) => jid.text);
  }

  unpack(session: Session, packed: readonly string[]): void {
    this.#elsewhere.delete(session.jid.text);
    lists.set(session, mapOf(packed));
    // The node that it came from knows nothing of it any more.
    if (packed.length > 0) this.#tell({ of: session.jid.text, add: [...packed] });
  }

  /** Empties a session's list. */
  take(session: Session): Jid[] {
    const list = this.#taken(session);
    if (list.length > 0) this.#tell({ of: session.jid.text, over: true });
    return list;
  }

  /** The same for a session of a node that has died. */
  takeLost(full: Jid): Jid[] {
    const list = [...(this.#elsewhere.get(full.text)?.values() ?? [])];
    this.#elsewhere.delete(full.text);
    return list;
  }

  *#report(): Generator<News> {
    for (const session of this.ctx.sessions.local()) {
      const list = session.jid.domain === this.ctx.domain ? lists.get(session) : undefined;
      if (list && list.size > 0) yield { of: session.jid.text, add: [...list.keys()] };
    }
  }

  #taken(session: Session): Jid[] {
    const list = [...(lists.get(session)?.values() ?? [])];
    lists.delete(session);
    return list;
  }

  #tell(news: News): void {
    this.ctx.tellOthers(news);
  }

  #told(news: News): void {
    const known = this.#elsewhere.get(news.of) ?? new Map<string, Jid>();
    if ("over" in news) known.clear();
    else if ("add" in news) for (const [text, jid] of mapOf(news.add)) known.set(text, jid);
    else known.delete(news.remove);
    if (known.size > 0) this.#elsewhere.set(news.of, known);
    else this.#elsewhere.delete(news.of);
  }
}

function mapOf(addresses: readonly string[]): Map<string, Jid> {
  return new Map(addresses.map((text) => [text, Jid.parse(text)]));
}
