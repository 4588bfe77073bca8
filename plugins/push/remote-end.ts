import type { Stanza } from "../../src/plugin/api.js";

const NS_PUBSUB = "http://jabber.org/protocol/pubsub";

/** The node to which a service does not let the account publish any more: XEP-0357 §7. */
export function affiliationLost(message: Stanza): string | undefined {
  const pubsub = message.getChild("pubsub", NS_PUBSUB);
  const affiliation = pubsub?.getChild("affiliation");
  const isOwn =
    affiliation?.attrs.jid === message.to?.bareText || affiliation?.attrs.jid === message.to?.domain;
  return isOwn && affiliation?.attrs.affiliation === "none" ? pubsub?.attrs.node : undefined;
}
