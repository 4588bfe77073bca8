/**
 * RFC 6121 appendix A as functions: what a subscription stanza makes of a contact. The nine states are the subscription
 * (none, to, from, both), `ask` (pending out) and `request` (pending in); pre-approval (§3.4) comes on top.
 */
import type { Jid, RosterEntry } from "../plugin/api.js";
import { hasFrom, hasTo, newEntry, subscriptionOf } from "./roster-entry.js";

export const subscriptionTypes = ["subscribe", "subscribed", "unsubscribe", "unsubscribed"] as const;
export type SubscriptionType = (typeof subscriptionTypes)[number];

/** What the contact is to be shown of each available resource of the account. */
type Showing = "available" | "unavailable";

interface Outcome {
  /** What is to stand; the same object as before when nothing changed, undefined when nothing is to be kept. */
  entry: RosterEntry | undefined;
  /** The change is one that clients see. */
  push: boolean;
  showing: Showing | undefined;
}

export interface Outbound extends Outcome {
  /** The stanza goes on to the contact. */
  route: boolean;
}

export interface Inbound extends Outcome {
  /** The stanza goes on to the account's resources. */
  deliver: boolean;
  /** What the contact is answered on behalf of the account. */
  reply: "subscribed" | "unsubscribed" | undefined;
}

interface Facts {
  to: boolean;
  from: boolean;
  pendingIn: boolean;
  ask: boolean;
  approved: boolean;
}

interface Change extends Partial<Pick<RosterEntry, "ask" | "approved" | "request" | "listed">> {
  to?: boolean;
  from?: boolean;
}

type OutboundRule = (is: Facts) => { change: Change; route: boolean; showing?: Showing };
type InboundRule = (
  is: Facts,
  request: string,
) => { change: Change; deliver: boolean; reply?: Inbound["reply"]; showing?: Showing };

const nothing: Change = {};

const outboundRules: Record<SubscriptionType, OutboundRule> = {
  // §A.2.1, table 2
  subscribe: (is) => ({ route: true, change: is.to ? nothing : { ask: true, listed: true } }),
  // §A.2.2, table 3
  unsubscribe: () => ({ route: true, change: { to: false, ask: false } }),
  // §A.2.3, table 4; what does not answer a request is a pre-approval: §3.4.2
  subscribed: (is) => {
    if (is.pendingIn) {
      const change = { from: true, request: undefined, listed: true };
      return { route: true, change, showing: "available" };
    }
    return { route: false, change: is.from ? nothing : { approved: true, listed: true } };
  },
  // §A.2.4, table 5; §3.2.2: only who is subscribed may learn of the resources, even that they go
  unsubscribed: (is) => ({
    route: is.from || is.pendingIn,
    change: { from: false, request: undefined, approved: false },
    showing: is.from ? "unavailable" : undefined,
  }),
};

const inboundRules: Record<SubscriptionType, InboundRule> = {
  // §A.3.1, table 6; §3.1.3, §3.4.2: who is subscribed or pre-approved is answered on behalf of the account
  subscribe: (is, request) => {
    if (is.from || is.approved) {
      const change = { from: true, request: undefined };
      return { deliver: false, change, reply: "subscribed", showing: "available" };
    }
    // The first request stands; more of them are not shown (§3.1.3, "subscription request spam").
    return is.pendingIn ? { deliver: false, change: nothing } : { deliver: true, change: { request } };
  },
  // §A.3.2, table 7. §3.3.3 would not deliver the withdrawal of a request; the table, which is complete, does.
  unsubscribe: (is) => {
    if (!is.from && !is.pendingIn) return { deliver: false, change: nothing };
    return {
      deliver: true,
      change: { from: false, request: undefined },
      reply: "unsubscribed",
      showing: is.from ? "unavailable" : undefined,
    };
  },
  // §A.3.3, table 8
  subscribed: (is) => ({ deliver: is.ask, change: is.ask ? { to: true, ask: false } : nothing }),
  // §A.3.4, table 9
  unsubscribed: (is) => ({ deliver: is.to || is.ask, change: { to: false, ask: false } }),
};

/**
 * The account sent a subscription stanza.
 * @param before what its roster holds of the contact.
 */
export function outbound(type: SubscriptionType, before: RosterEntry | undefined, contact: Jid): Outbound {
  const { change, route, showing } = outboundRules[type](factsOf(before));
  const entry = apply(before, contact, change);
  return { entry, route, push: isVisible(before, entry), showing };
}

/**
 * The account is sent a subscription stanza.
 * @param before what its roster holds of the contact.
 * @param request the stanza as text, to be kept if it asks for something that the account has to answer.
 */
export function inbound(
  type: SubscriptionType,
  before: RosterEntry | undefined,
  contact: Jid,
  request: string,
): Inbound {
  const { change, deliver, reply, showing } = inboundRules[type](factsOf(before), request);
  const entry = apply(before, contact, change);
  return { entry, deliver, push: isVisible(before, entry), reply, showing };
}

function factsOf(entry: RosterEntry | undefined): Facts {
  return {
    to: hasTo(entry),
    from: hasFrom(entry),
    pendingIn: entry?.request !== undefined,
    ask: entry?.ask ?? false,
    approved: entry?.approved ?? false,
  };
}

function apply(before: RosterEntry | undefined, contact: Jid, change: Change): RosterEntry | undefined {
  const { to = hasTo(before), from = hasFrom(before), ...rest } = change;
  const after = { ...(before ?? newEntry(contact)), ...rest, subscription: subscriptionOf(to, from) };
  if (!after.listed && after.request === undefined) return undefined;
  const same = before && !isVisible(before, after) && before.request === after.request;
  return same ? before : after;
}

/** Only what a client is shown of the roster counts: RFC 6121 §2.6.3, "roster modification". */
function isVisible(before: RosterEntry | undefined, after: RosterEntry | undefined): boolean {
  if (!before?.listed || !after?.listed) return Boolean(before?.listed) !== Boolean(after?.listed);
  return (
    before.subscription !== after.subscription ||
    before.ask !== after.ask ||
    before.approved !== after.approved
  );
}
