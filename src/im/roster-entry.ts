/** What a contact in a roster is, and how clients see it. */
import { type Element, type Jid, type RosterEntry, type Subscription, xml } from "../plugin/api.js";

export const NS_ROSTER = "jabber:iq:roster";

/** A contact of whom nothing is known: RFC 6121 §A.1, "None includes the case of the contact not being in the roster". */
export function newEntry(jid: Jid): RosterEntry {
  return {
    jid,
    name: "",
    groups: [],
    subscription: "none",
    ask: false,
    approved: false,
    request: undefined,
    listed: false,
  };
}

/** The account sees the contact's presence. */
export function hasTo(entry: RosterEntry | undefined): boolean {
  return entry?.subscription === "to" || entry?.subscription === "both";
}

/** The contact sees the account's presence. */
export function hasFrom(entry: RosterEntry | undefined): boolean {
  return entry?.subscription === "from" || entry?.subscription === "both";
}

export function subscriptionOf(to: boolean, from: boolean): Subscription {
  if (to) return from ? "both" : "to";
  return from ? "from" : "none";
}

/** `<item/>` for results and pushes. RFC 6121 §2.1.2 */
export function itemElement(entry: RosterEntry): Element {
  return xml(
    "item",
    {
      jid: entry.jid.text,
      name: entry.name === "" ? undefined : entry.name,
      subscription: entry.subscription,
      ask: entry.ask ? "subscribe" : undefined,
      approved: entry.approved ? "true" : undefined,
    },
    ...entry.groups.map((group) => xml("group", {}, group)),
  );
}

/** For a push that tells of a contact's removal. RFC 6121 §2.5.2 */
export function removedElement(jid: Jid): Element {
  return xml("item", { jid: jid.text, subscription: "remove" });
}
