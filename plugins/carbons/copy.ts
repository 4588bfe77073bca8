import { detached, type Jid, Stanza, xml } from "../../src/plugin/api.js";

export const NS_CARBONS = "urn:xmpp:carbons:2";
const NS_FORWARD = "urn:xmpp:forward:0";

export type Direction = "sent" | "received";

/**
 * The copy of a message, for any resource of the account: give it a `to`. It comes from the account itself, which nobody
 * else can be (§12).
 * @param account bare JID of the one who has sent or received the message
 */
export function copyOf(direction: Direction, message: Stanza, account: Jid): Stanza {
  // XEP-0297 §3.1: the forwarded stanza says that it is of jabber:client. It is shared, so it does not become a child.
  const forwarded = xml("forwarded", { xmlns: NS_FORWARD }, detached(message));
  return Stanza.make(
    "message",
    { from: account, type: message.type },
    xml(direction, { xmlns: NS_CARBONS }, forwarded),
  );
}
