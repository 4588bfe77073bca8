import { Jid, type Session, StanzaError } from "../plugin/api.js";

/** Beside the plugin, so that its reload forgets nobody. */
const lists = new WeakMap<Session, Map<string, Jid>>();

/**
 * To whom each session of this node sent available presence directly, and who therefore has to hear of its end.
 * RFC 6121 §4.6.1
 */
export class DirectedPresence {
  /** @param max addresses for each session. */
  constructor(private readonly max: number) {}

  /** @throws StanzaError `resource-constraint`: who could not be told of the end is not told of the beginning. */
  add(session: Session, to: Jid): void {
    const list = lists.get(session) ?? new Map<string, Jid>();
    if (!list.has(to.text) && list.size >= this.max) {
      throw new StanzaError("resource-constraint", {
        text: `directed presence goes to ${this.max} addresses`,
      });
    }
    lists.set(session, list.set(to.text, to));
  }

  remove(session: Session, to: Jid): void {
    lists.get(session)?.delete(to.text);
  }

  has(session: Session, to: Jid): boolean {
    return lists.get(session)?.has(to.text) ?? false;
  }

  /** For another node. */
  pack(session: Session): string[] {
    return this.take(session).map((jid) => jid.text);
  }

  unpack(session: Session, packed: readonly string[]): void {
    lists.set(session, new Map(packed.map((text) => [text, Jid.parse(text)])));
  }

  /** Empties a session's list. */
  take(session: Session): Jid[] {
    const list = [...(lists.get(session)?.values() ?? [])];
    lists.delete(session);
    return list;
  }
}
