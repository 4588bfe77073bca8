import type { ClientSession } from "../session/client-session.js";
import type { Registry } from "../session/registry.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { Archiving } from "./archiving.js";
import type { Domain } from "./domain.js";

/** Tells of what a client has sent where its account has other resources that plugins have noted something about. */
export class Sent {
  constructor(
    private readonly domains: ReadonlyMap<string, Domain>,
    private readonly registry: Registry,
    private readonly archiving: Archiving,
  ) {}

  /** @returns undefined: nobody is to be told. Otherwise what tells, to be called once the message has gone its way. */
  watch(session: ClientSession, message: Stanza): (() => undefined | Promise<void>) | undefined {
    const all = this.registry.of(session.jid);
    // Most accounts have one resource, and nothing is made for them.
    if (all.length < 2 || message.kind !== "message") return undefined;
    const others = all.filter((one) => one.flags.size > 0 && !one.jid.equals(session.jid));
    if (others.length === 0) return undefined;
    let name: number | undefined;
    message.onArchived = (id) => {
      name = id;
    };
    return () => {
      const own = this.archiving.withoutForged(message);
      const stanza = name === undefined ? own : this.archiving.withName(own, session.account, name);
      const hooks = this.domains.get(session.jid.domain)?.hooks;
      const told = hooks?.fire("message:sent", { session, stanza, others });
      return told instanceof Promise ? told.then(() => undefined) : undefined;
    };
  }
}
