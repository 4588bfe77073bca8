import type { Account, Jid, PluginContext, RosterChange, RosterEntry } from "../plugin/api.js";

/**
 * Work on one account's roster goes in turn, and its pushes with it: they have to arrive in the order of the versions
 * they carry (RFC 6121 §2.6.3). Nothing that is done in turn may wait for a stanza to be routed: its way can lead back.
 */
export function inRosterTurn<T>(ctx: PluginContext, account: Jid, work: () => Promise<T>): Promise<T> {
  return ctx.inTurn(`im:${account.text}`, work);
}

/**
 * Changes one contact in one transaction.
 * @param decide says what is to stand (`entry`) and whatever else follows from what stood before; what it throws is passed on.
 */
export async function changeContact<T extends { entry: RosterEntry | undefined }>(
  ctx: PluginContext,
  account: Account,
  contact: Jid,
  decide: (before: RosterEntry | undefined, listed: number) => T,
): Promise<{ change: RosterChange; decision: T }> {
  const decisions: T[] = [];
  const change = await ctx.storage.rosters.update(account, contact, (before, listed) => {
    const decision = decide(before, listed);
    decisions.push(decision);
    return decision.entry;
  });
  // A transaction that was tried again decided again.
  return { change, decision: decisions[decisions.length - 1] };
}
