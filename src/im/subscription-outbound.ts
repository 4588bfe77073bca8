import {
  type Account,
  type Jid,
  type PluginContext,
  type Session,
  type Stanza,
  StanzaError,
} from "../plugin/api.js";
import { changeContact, inRosterTurn } from "./roster-change.js";
import { type RosterOptions, requireRoom } from "./roster-options.js";
import { pushRoster } from "./roster-push.js";
import { type Outbound, outbound, type SubscriptionType } from "./subscription-state.js";
import { hidePresence, showPresence } from "./tell.js";

/**
 * A client sent a subscription stanza. RFC 6121 §3.1.2, §3.1.5, §3.2.2, §3.3.2, §3.4.2
 *
 * The push goes before the stanza: what the contact's server answers at once, because it was pre-approved or the contact
 * does not exist, comes after the state it answers.
 * @throws StanzaError what the client is to be told, also when the contact's server cannot be reached.
 */
export async function outboundSubscription(
  ctx: PluginContext,
  session: Session,
  stanza: Stanza & { type: SubscriptionType },
  options: RosterOptions,
): Promise<true> {
  if (!stanza.to) throw new StanzaError("bad-request", { text: "to whom?" });
  if (session.anonymous) throw new StanzaError("not-allowed", { text: "an anonymous user has no roster" });
  const { account } = session;
  const contact = stanza.to.bare;
  // §4.2.2: everybody is subscribed to himself, and stays so.
  if (contact.equals(account.jid)) return true;
  const { route, showing } = await changeState(ctx, account, contact, stanza.type, options);
  if (showing === "unavailable") await hidePresence(ctx, account.jid, contact);
  // §3: from the bare JID, whichever resource sent it.
  if (route) await ctx.route(stanza.withAddresses(account.jid, contact));
  if (showing === "available") await showPresence(ctx, account.jid, contact);
  return true;
}

function changeState(
  ctx: PluginContext,
  account: Account,
  contact: Jid,
  type: SubscriptionType,
  options: RosterOptions,
): Promise<Outbound> {
  return inRosterTurn(ctx, account.jid, async () => {
    const { change, decision } = await changeContact(ctx, account, contact, (before, listed) => {
      const outcome = outbound(type, before, contact);
      requireRoom(before, outcome.entry, listed, options);
      return outcome;
    });
    if (decision.push) pushRoster(ctx, account.jid, contact, change);
    return decision;
  });
}
