import {
  type Account,
  type Jid,
  type PluginContext,
  type RosterEntry,
  Stanza,
  StanzaError,
  StreamError,
} from "../../src/plugin/api.js";

/**
 * Removes an account with all that is kept for it, cancels its subscriptions both ways and ends its sessions.
 * XEP-0077 §3.2
 * @throws StanzaError `registration-required` when it is gone already
 */
export async function removeAccount(ctx: PluginContext, account: Account): Promise<void> {
  const { entries } = await ctx.storage.rosters.list(account);
  for (const entry of entries) await partFrom(ctx, account.jid, entry);
  if (!(await ctx.storage.accounts.remove(account.jid))) throw new StanzaError("registration-required");
  ctx.accountChanged(account.jid);
  ctx.log.info({ account: account.jid.text }, "an account was removed by its user");
  // After the result is on its way.
  setImmediate(() => endSessions(ctx, account.jid));
}

function endSessions(ctx: PluginContext, account: Jid): void {
  for (const { session } of ctx.sessions.of(account)) {
    session?.close(new StreamError("not-authorized", "the account was removed"));
  }
}

/** The contact is told as if the user had removed him from the roster: RFC 6121 §2.5.2. */
async function partFrom(ctx: PluginContext, account: Jid, entry: RosterEntry): Promise<void> {
  const { subscription, ask, request } = entry;
  const contact = entry.jid.bare;
  const part = (from: Jid, type: string) => tell(ctx, Stanza.make("presence", { from, to: contact, type }));
  const seesUs = subscription === "from" || subscription === "both";
  if (subscription === "to" || subscription === "both" || ask) await part(account, "unsubscribe");
  if (seesUs) {
    const shown = ctx.sessions.of(account).filter(({ presence }) => presence);
    for (const { jid } of shown) await part(jid, "unavailable");
  }
  if (seesUs || request !== undefined) await part(account, "unsubscribed");
}

/** Whom it does not reach will find out: it is no reason to keep the account. */
async function tell(ctx: PluginContext, presence: Stanza): Promise<void> {
  try {
    await ctx.route(presence);
  } catch (error) {
    ctx.log.debug({ err: error, to: presence.to?.text }, "a contact was not told of an account's removal");
  }
}
