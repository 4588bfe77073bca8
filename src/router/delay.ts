import type { Account } from "../storage/types.js";
import { xml } from "../xml/element.js";
import type { Stanza } from "../xmpp/stanza.js";

/** XEP-0203: who kept it, and since when. */
export function withDelay(
  stanza: Stanza,
  { account, receivedAt }: { account: Account; receivedAt: number },
): Stanza {
  const stamp = new Date(receivedAt).toISOString();
  return stanza.withAppended(xml("delay", { xmlns: "urn:xmpp:delay", from: account.jid.domain, stamp }));
}
