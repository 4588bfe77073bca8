import { randomUUID } from "node:crypto";
import { type Jid, type PluginContext, type RosterChange, Stanza, xml } from "../plugin/api.js";
import { itemElement, NS_ROSTER, removedElement } from "./roster-entry.js";

/** Tells an account's interested resources of a changed contact; one that is not in the roster is shown as removed. RFC 6121 §2.1.6 */
export function pushRoster(
  ctx: PluginContext,
  account: Jid,
  contact: Jid,
  { after, version }: RosterChange,
): void {
  const interested = ctx.sessions.of(account).filter((resource) => resource.interested);
  if (interested.length === 0) return;
  const item = after?.listed ? itemElement(after) : removedElement(contact);
  const push = Stanza.make(
    "iq",
    { from: account, type: "set", id: randomUUID() },
    xml("query", { xmlns: NS_ROSTER, ver: version }, item),
  );
  for (const resource of interested) ctx.sessions.send(resource, push.withTo(resource.jid));
}
