import { LRUCache } from "lru-cache";
import type { ClientSession } from "../session/client-session.js";
import { ownText } from "../xml/own-copy.js";
import type { Stanza } from "../xmpp/stanza.js";

const NS_SID = "urn:xmpp:sid:0";
/** Senders whose messages are remembered, and of each how many. */
const SENDERS = 5000;
const MESSAGES = 64;
/** Characters of an id; longer ones are nobody's. */
const ID_MAX = 128;

/**
 * Messages that clients send again since their connection broke before they were acknowledged (XEP-0198 §5): they have the
 * same origin-id (XEP-0359 §2.2). Remembered for a bounded time and on this node only; a repetition that is not
 * recognised does no harm but to appear twice.
 */
export class Repeats {
  readonly #senders = new LRUCache<number, Set<string>>({ max: SENDERS });

  /**
   * Takes note of a message.
   * @returns false when it was noted before; undefined when it is none that could be repeated. Otherwise what makes it
   *   forgotten, for when it could not be delivered.
   */
  note(session: ClientSession, message: Stanza): (() => void) | false | undefined {
    if (message.kind !== "message" || message.type === "error" || !session.managed) return undefined;
    const id = message.getChild("origin-id", NS_SID)?.attrs.id ?? "";
    if (id === "" || id.length > ID_MAX || session.account.id === 0) return undefined;
    const key = ownText(`${message.to?.bareText} ${id}`);
    const noted = this.#of(session.account.id);
    if (noted.has(key)) return false;
    noted.add(key);
    if (noted.size > MESSAGES) noted.delete(noted.values().next().value as string);
    return () => noted.delete(key);
  }

  #of(accountId: number): Set<string> {
    const known = this.#senders.get(accountId);
    if (known) return known;
    const fresh = new Set<string>();
    this.#senders.set(accountId, fresh);
    return fresh;
  }
}
