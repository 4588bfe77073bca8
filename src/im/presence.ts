/** Presence: RFC 6121 §4. What is delivered to available resources is the router's work (§8.5). */
import {
  definePlugin,
  type PluginContext,
  type Session,
  type Stanza,
  StanzaError,
  type Verdict,
  z,
} from "../plugin/api.js";
import { Broadcast } from "./presence-broadcast.js";
import { DirectedPresence } from "./presence-directed.js";
import { Probes } from "./presence-probe.js";
import { subscriptionTypes } from "./subscription-state.js";

/** After all plugins. */
const PRIORITY = -10;

/** RFC 6121 §4.7.1 */
const types: ReadonlySet<string | undefined> = new Set([
  undefined,
  "unavailable",
  "probe",
  "error",
  ...subscriptionTypes,
]);

export const presenceOptions = z.strictObject({
  maxDirected: z
    .int()
    .min(1)
    .max(100_000)
    .prefault(1000)
    .describe("To how many addresses a session may send presence directly, rooms among them."),
});
export type PresenceOptions = z.output<typeof presenceOptions>;

export const presence = definePlugin<PresenceOptions>({
  name: "presence",
  about: "Tells contacts who is available, and asks who of them is.",
  requires: ["roster"],
  options: presenceOptions,
  setup(ctx, { maxDirected }) {
    const directed = new DirectedPresence(maxDirected);
    const probes = new Probes(ctx, directed);
    const outbound = new OutboundPresence(ctx, directed, probes);
    ctx.hook(
      "stanza:received",
      ({ session, stanza }) => (stanza.kind === "presence" ? outbound.receive(session, stanza) : undefined),
      PRIORITY,
    );
    ctx.hook("session:unbound", ({ session }) => outbound.ended(session), PRIORITY);
    ctx.hook(
      "stanza:deliver",
      ({ account, stanza }) => {
        if (stanza.kind !== "presence") return;
        requireKnownType(stanza);
        if (stanza.type === "probe") return probes.answer(account, stanza);
      },
      PRIORITY,
    );
    ctx.hook(
      "stanza:sending",
      ({ session, stanza }) => {
        if (stanza.kind !== "presence" || !stanza.from) return;
        // RFC 6121 §4.6.1: who is gone itself need not be told.
        if (stanza.type === "unavailable") directed.remove(session, stanza.from);
        if (stanza.type !== "probe") return;
        // Not waited for: what is sent to the session after it does not depend on it.
        void probes.answerFor(session, stanza);
        return true;
      },
      PRIORITY,
    );
  },
});

/** What a client sends, but for subscriptions. */
class OutboundPresence {
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

/** @throws StanzaError `bad-request`. RFC 6121 §4.7.1 */
function requireKnownType({ type }: Stanza): void {
  if (!types.has(type)) throw new StanzaError("bad-request", { text: "no such type of presence" });
}
