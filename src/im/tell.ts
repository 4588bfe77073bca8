import { type Jid, type PluginContext, Stanza, StanzaError } from "../plugin/api.js";

/**
 * Routes a presence that the server sends on behalf of an account: nobody waits for an answer, so that it cannot be
 * routed is no error for anybody. Never rejects.
 */
export async function tell(ctx: PluginContext, presence: Stanza): Promise<void> {
  try {
    await ctx.route(presence);
  } catch (error) {
    const level = error instanceof StanzaError ? "debug" : "warn";
    ctx.log[level]({ err: error, to: presence.to?.text, type: presence.type }, "a presence was not routed");
  }
}

/** The contact is sent the presence of each available resource of an account. RFC 6121 §3.1.5 */
export async function showPresence(ctx: PluginContext, account: Jid, contact: Jid): Promise<void> {
  const shown = ctx.sessions.of(account).flatMap(({ presence }) => presence ?? []);
  await Promise.all(shown.map((presence) => tell(ctx, presence.withTo(contact))));
}

/** The contact is told that each available resource of an account is gone. RFC 6121 §3.2.2, §3.3.3 */
export async function hidePresence(ctx: PluginContext, account: Jid, contact: Jid): Promise<void> {
  const shown = ctx.sessions.of(account).filter((resource) => resource.presence);
  await Promise.all(
    shown.map(({ jid }) =>
      tell(ctx, Stanza.make("presence", { from: jid, to: contact, type: "unavailable" })),
    ),
  );
}
