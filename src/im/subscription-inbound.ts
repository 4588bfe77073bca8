import { type Account, type Jid, type PluginContext, Stanza, StanzaError } from "../plugin/api.js";
import { requestText } from "./request.js";
import { changeContact, inRosterTurn } from "./roster-change.js";
import type { RosterOptions } from "./roster-options.js";
import { pushRoster } from "./roster-push.js";
import { type Inbound, inbound, type SubscriptionType } from "./subscription-state.js";
import { hidePresence, showPresence, tell } from "./tell.js";

type SubscriptionStanza = Stanza & { type: SubscriptionType };

/** An account of this domain is sent a subscription stanza. RFC 6121 §3.1.3, §3.1.6, §3.2.3, §3.3.3 */
export async function inboundSubscription(
  ctx: PluginContext,
  jid: Jid,
  stanza: SubscriptionStanza,
  options: RosterOptions,
): Promise<true> {
  const contact = stanza.from?.bare;
  if (!contact || contact.equals(jid) || isForNobody(ctx, stanza)) return true;
  const account = await ctx.account(jid);
  // §8.5.1: silence, so that nobody learns which accounts exist.
  if (!account) return true;
  // §3.1.3: whatever resource it names, it is meant for the account.
  const { reply, showing } = await changeState(ctx, account, stanza.withAddresses(contact, jid), options);
  if (showing === "unavailable") await hidePresence(ctx, jid, contact);
  // As in the example of §3.1.3, the answer has the id of what it answers.
  const answer = { from: jid, to: contact, type: reply, id: stanza.id };
  if (reply) await tell(ctx, Stanza.make("presence", answer));
  if (showing === "available") await showPresence(ctx, jid, contact);
  return true;
}

/** §8.5.3.2.2: of those for a resource that is not there, only requests are handled. */
function isForNobody(ctx: PluginContext, { to, type }: Stanza): boolean {
  return !to || (!to.isBare && type !== "subscribe" && !ctx.sessions.get(to));
}

function changeState(
  ctx: PluginContext,
  account: Account,
  stanza: Stanza,
  options: RosterOptions,
): Promise<Inbound> {
  const type = stanza.type as SubscriptionType;
  const contact = stanza.from as Jid;
  return inRosterTurn(ctx, account.jid, async () => {
    if (type === "subscribe") await requireRoomForRequest(ctx, account, contact, options);
    const text = requestText(stanza, options.maxRequestSize);
    const { change, decision } = await changeContact(ctx, account, contact, (before) =>
      inbound(type, before, contact, text),
    );
    // §3.1.6: first what happened, then what it made of the roster.
    if (decision.deliver) deliver(ctx, account.jid, stanza);
    if (decision.push) pushRoster(ctx, account.jid, contact, change);
    return decision;
  });
}

/** Requests go to those who are available (§3.1.3), news of a subscription to those who show the roster (§3.1.6, §3.2.3, §3.3.3). */
function deliver(ctx: PluginContext, account: Jid, stanza: Stanza): void {
  for (const resource of ctx.sessions.of(account)) {
    const wants = stanza.type === "subscribe" ? resource.presence !== undefined : resource.interested;
    if (wants) ctx.sessions.send(resource, stanza);
  }
}

/**
 * §3.1.3, second security warning: strangers cannot fill an account's store. Contacts are bounded by the roster's limit.
 * @throws StanzaError `resource-constraint`
 */
async function requireRoomForRequest(
  ctx: PluginContext,
  account: Account,
  contact: Jid,
  { maxRequests }: RosterOptions,
): Promise<void> {
  if (await ctx.storage.rosters.get(account, contact)) return;
  const entries = await ctx.storage.rosters.related(account);
  const strangers = entries.filter((entry) => !entry.listed).length;
  if (strangers >= maxRequests) throw new StanzaError("resource-constraint");
}
