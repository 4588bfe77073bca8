import type { Session, Stanza } from "../../src/plugin/api.js";

/** Messages remembered for each session; an error that comes later than so many others is not copied. */
const MAX = 100;

/** What sessions have sent and others were given a copy of: XEP-0280 §10.3 forbids to judge an error by what it quotes. */
export class SentMessages {
  readonly #sessions = new WeakMap<Session, Set<string>>();

  note(session: Session, message: Stanza): void {
    if (message.id === undefined) return;
    let sent = this.#sessions.get(session);
    if (!sent) {
      sent = new Set();
      this.#sessions.set(session, sent);
    }
    sent.add(keyOf(message.id, message.to?.text));
    if (sent.size <= MAX) return;
    for (const oldest of sent) {
      sent.delete(oldest);
      return;
    }
  }

  /** Whether an error to a session answers one of them; each is answered once. */
  answeredBy(session: Session, error: Stanza): boolean {
    const sent = this.#sessions.get(session);
    return sent !== undefined && error.id !== undefined && sent.delete(keyOf(error.id, error.from?.text));
  }
}

function keyOf(id: string, peer: string | undefined): string {
  return `${peer ?? ""} ${id}`;
}
