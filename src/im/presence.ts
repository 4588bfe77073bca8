/** Presence: RFC 6121 §4. What is delivered to available resources is the router's work (§8.5). */
import { definePlugin, z } from "../plugin/api.js";
import { DirectedPresence } from "./presence-directed.js";
import { OutboundPresence } from "./presence-outbound.js";
import { Probes } from "./presence-probe.js";
import { requireKnownType } from "./presence-type.js";

/** After all plugins. */
const PRIORITY = -10;

/** The section `presence` of the configuration. */
export const presenceOptions = z.strictObject({
  maxDirected: z
    .int()
    .min(1)
    .max(100_000)
    .prefault(100)
    .describe("Addresses that one session may send its presence to directly, rooms among them."),
});
export type PresenceOptions = z.output<typeof presenceOptions>;

export const presence = definePlugin<PresenceOptions>({
  name: "presence",
  about: "Tells contacts who is available, and asks who of them is.",
  requires: ["roster"],
  options: presenceOptions,
  setup(ctx, given) {
    const { maxDirected } = presenceOptions.parse(given);
    const directed = new DirectedPresence(maxDirected, ctx);
    const probes = new Probes(ctx, directed);
    const outbound = new OutboundPresence(ctx, directed, probes);
    ctx.hook(
      "stanza:received",
      ({ session, stanza }) => (stanza.kind === "presence" ? outbound.receive(session, stanza) : undefined),
      PRIORITY,
    );
    ctx.hook("session:unbound", ({ session }) => outbound.ended(session), PRIORITY);
    ctx.hook("session:leaving", ({ session, notes }) => {
      notes.presence = directed.pack(session);
    });
    ctx.hook("session:arrived", ({ session, notes }) => {
      directed.unpack(session, (notes.presence ?? []) as string[]);
    });
    ctx.hook("session:lost", ({ resource }) => outbound.lost(resource), PRIORITY);
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
