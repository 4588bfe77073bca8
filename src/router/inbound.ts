import { causeOf } from "../hooks.js";
import type { ClientSession } from "../session/client-session.js";
import { StanzaError, StreamError } from "../xmpp/errors.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { Domain } from "./domain.js";
import { type Note, Repeats } from "./repeats.js";
import type { Router } from "./router.js";
import type { Sent } from "./sent.js";

type Done = undefined | Promise<void>;

/** What a client sent, on its way in. Each step passes the stanza on or throws what the client is to be told. */
export class Inbound {
  /** The path in one line: each step returns the stanza for the next. */
  readonly #steps: readonly ((session: ClientSession, stanza: Stanza) => Stanza)[] = [
    validateIq,
    stamp,
    address,
  ];

  readonly #repeats = new Repeats();

  constructor(
    private readonly domains: ReadonlyMap<string, Domain>,
    private readonly router: Router,
    private readonly sent: Sent,
  ) {
    for (const { hooks } of domains.values()) {
      hooks.on("stanza:sending", "repeats", ({ session, stanza }) => {
        if (stanza.kind === "message" && stanza.type === "error") this.#repeats.bounced(session, stanza);
      });
    }
  }

  /**
   * @returns a promise only where something has to be waited for; the next stanza of the session waits too.
   * @throws StreamError what ends the stream. Stanza errors are answered here.
   */
  receive(session: ClientSession, stanza: Stanza): Done {
    let current = stanza;
    try {
      for (const step of this.#steps) current = step(session, current);
    } catch (error) {
      this.#answer(session, stanza, error);
      return undefined;
    }
    const key = this.#repeats.keyOf(session, current);
    if (key === undefined) return this.#goOn(session, current, undefined);
    const first = this.#repeats.earlier(session, key);
    if (first) return this.#repeat(session, current, first);
    const note = this.#repeats.note(session, key, current);
    current.ticket = note;
    return this.#goOn(session, current, note);
  }

  /** It is here already, and counts as handled when the one that came first does; where that was refused, this one takes its place. */
  #repeat(session: ClientSession, message: Stanza, first: Note): Done {
    return first.decided()?.then(() => (first.hasFailed ? this.receive(session, message) : undefined));
  }

  #goOn(session: ClientSession, stanza: Stanza, note: Note | undefined): Done {
    try {
      const hooked = this.#domain(session).hooks.fire("stanza:received", { session, stanza });
      const done =
        hooked instanceof Promise
          ? hooked.then((handled) => this.#route(handled, session, stanza))
          : this.#route(hooked, session, stanza);
      if (done !== undefined) {
        const settled = done.catch((error) => this.#refuse(session, stanza, note, error));
        return note ? settled.finally(() => note.routed()) : settled;
      }
    } catch (error) {
      this.#refuse(session, stanza, note, error);
    }
    note?.routed();
    return undefined;
  }

  #refuse(session: ClientSession, stanza: Stanza, note: Note | undefined, error: unknown): void {
    note?.fail();
    this.#answer(session, stanza, error);
  }

  #route(handled: boolean, session: ClientSession, stanza: Stanza): Done {
    // A presence without `to` that no hook took is for nobody.
    if (handled || !stanza.to) return undefined;
    const tell = this.sent.watch(session, stanza);
    return tell ? this.#routeAndTell(stanza, tell) : this.router.route(stanza);
  }

  /** Whoever has a copy of a message that is refused has it before the error. */
  async #routeAndTell(stanza: Stanza, tell: () => Done): Promise<void> {
    try {
      await this.router.route(stanza);
    } finally {
      await tell();
    }
  }

  #domain(session: ClientSession): Domain {
    return this.domains.get(session.jid.domain) as Domain;
  }

  #answer(session: ClientSession, stanza: Stanza, error: unknown): void {
    if (error instanceof StreamError) throw error;
    const cause = causeOf(error);
    let told: StanzaError;
    if (cause instanceof StanzaError) {
      told = cause;
    } else {
      session.log.error({ err: error, kind: stanza.kind }, "a stanza could not be handled");
      told = new StanzaError("internal-server-error");
    }
    const reply = addressed(session, stanza).errorReply(told);
    if (reply) session.send(reply);
  }
}

/** RFC 6120 §8.2.3: what an iq must look like. */
function validateIq(_session: ClientSession, stanza: Stanza): Stanza {
  if (stanza.kind !== "iq") return stanza;
  const { type, id } = stanza;
  const children = stanza.getChildElements().length;
  const asks = type === "get" || type === "set";
  if (!id || !(asks || type === "result" || type === "error")) throw new StanzaError("bad-request");
  if (asks ? children !== 1 : type === "result" && children > 1) throw new StanzaError("bad-request");
  return stanza;
}

/** RFC 6120 §8.1.2.1: the server says who sent it; a client that claims to be somebody else is ended. */
function stamp(session: ClientSession, stanza: Stanza): Stanza {
  const { from } = stanza;
  if (from && !from.equals(session.jid) && !from.equals(session.account.jid))
    throw new StreamError("invalid-from");
  return from?.equals(session.jid) ? stanza : stanza.withFrom(session.jid);
}

/** RFC 6120 §8.1.1.1, §10.3: without `to`, a message or iq is for the sender's own account; presence is for its subscribers. */
function address(session: ClientSession, stanza: Stanza): Stanza {
  return stanza.to || stanza.kind === "presence" ? stanza : stanza.withTo(session.account.jid);
}

/** For the answer to a stanza that was refused before it had its addresses. */
function addressed(session: ClientSession, stanza: Stanza): Stanza {
  return stanza.withAddresses(session.jid, stanza.to ?? session.account.jid);
}
