import { type Account, type PluginContext, type RosterEntry, Stanza } from "../plugin/api.js";
import { hasFrom, hasTo } from "./roster-entry.js";
import { hidePresence, tell } from "./tell.js";

/**
 * Ends both subscriptions, and what is pending of them, with a contact that is no longer in the roster. RFC 6121 §2.5.2,
 * §3.2, §3.3
 */
export async function partFrom(ctx: PluginContext, account: Account, entry: RosterEntry): Promise<void> {
  const part = (type: string) =>
    tell(ctx, Stanza.make("presence", { from: account.jid, to: entry.jid.bare, type }));
  if (hasTo(entry) || entry.ask) await part("unsubscribe");
  if (hasFrom(entry)) await hidePresence(ctx, account.jid, entry.jid.bare);
  if (hasFrom(entry) || entry.request !== undefined) await part("unsubscribed");
}

/** An account that is going to be removed parts from everybody. XEP-0077 §3.2 */
export async function partFromAll(ctx: PluginContext, account: Account): Promise<void> {
  for (const entry of await ctx.storage.rosters.related(account)) await partFrom(ctx, account, entry);
}
