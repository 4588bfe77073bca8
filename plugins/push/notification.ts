import { type Element, Jid, parseElement, Stanza, xml } from "../../src/plugin/api.js";
import type { News } from "./news.js";
import { NS_PUSH, type Registration } from "./registrations.js";

const NS_PUBSUB = "http://jabber.org/protocol/pubsub";
const NS_FORM = "jabber:x:data";

/** What there is to tell, and how much of it a service may know. */
export interface Summary {
  /** Messages since the account was last heard of. */
  count: number;
  last: News;
}

/**
 * The request that publishes a notification: XEP-0357 §6.
 * @param domain in whose name, as the examples have it: the service need not learn whose messages they are
 */
export function notification(
  domain: string,
  { jid, node, options }: Registration,
  summary: Summary,
  tell: { sender: boolean; body: boolean },
): Stanza {
  const item = xml("item", null, xml("notification", { xmlns: NS_PUSH }, form(summary, tell)));
  return Stanza.make(
    "iq",
    { type: "set", from: Jid.parse(domain), to: Jid.parse(jid) },
    xml(
      "pubsub",
      { xmlns: NS_PUBSUB },
      xml("publish", { node }, item),
      options === undefined ? undefined : xml("publish-options", null, parseElement(options)),
    ),
  );
}

function form({ count, last }: Summary, tell: { sender: boolean; body: boolean }): Element {
  return xml(
    "x",
    { xmlns: NS_FORM, type: "submit" },
    field("FORM_TYPE", "urn:xmpp:push:summary"),
    field("message-count", String(count)),
    tell.sender && last.sender ? field("last-message-sender", last.sender) : undefined,
    tell.body && last.body ? field("last-message-body", last.body) : undefined,
  );
}

function field(name: string, value: string): Element {
  return xml("field", { var: name }, xml("value", null, value));
}
