import {
  type PluginContext,
  type Resource,
  type Session,
  type Stanza,
  StanzaError,
  type Verdict,
} from "../plugin/api.js";
import { Broadcast } from "./presence-broadcast.js";
import type { DirectedPresence } from "./presence-directed.js";
import type { Probes } from "./presence-probe.js";
import { requireKnownType } from "./presence-type.js";

/** Presence as a client sends it, but for subscriptions. */
export class OutboundPresence {
  readonly #broadcast: Broadcast;

  constructor(
    private readonly ctx: PluginContext,
    private readonly directed: DirectedPresence,
    private readonly probes: Probes,
  ) {
    this.#broadcast = new Broadcast(ctx, directed);
  }

  receive(session: Session, stanza: Stanza): Verdict | Promise<Verdict> {
    requireKnownType(stanza);
    return stanza.to ? this.#direct(session, stanza) : this.#undirected(session, stanza);
  }

  ended(session: Session): Promise<void> {
    return this.#broadcast.ended(session);
  }

  lost(resource: Resource): Promise<void> {
    return this.#broadcast.lost(resource);
  }

  /** RFC 6121 §4.6.3; the router takes it on. */
  #direct(session: Session, { type, to }: Stanza): Verdict | Promise<Verdict> {
    // One's own resources hear of the end by its broadcast.
    if (!to || to.sameBare(session.jid)) return;
    if (type === undefined) this.directed.add(session, to);
    if (type === "unavailable") this.directed.remove(session, to);
    if (type === "probe") return this.probes.isPremature(session, to);
  }

  async #undirected(session: Session, stanza: Stanza): Promise<true> {
    switch (stanza.type) {
      case undefined:
        await this.#broadcast.available(session, stanza);
        break;
      case "unavailable":
        await this.#broadcast.unavailable(session, stanza);
        break;
      case "probe":
        await this.ctx.route(stanza.withTo(session.account.jid));
        break;
      case "error":
        // It answers nobody.
        break;
      default:
        throw new StanzaError("bad-request", { text: "to whom?" });
    }
    return true;
  }
}
