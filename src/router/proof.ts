import type { Session } from "../session/session.js";
import { xml } from "../xml/element.js";
import { StanzaError } from "../xmpp/errors.js";
import { Stanza } from "../xmpp/stanza.js";
import type { Requests } from "./requests.js";

const NS_PING = "urn:xmpp:ping";
/** ms for a client to answer. */
const ANSWER = 10_000;

/**
 * Asks a client that does not acknowledge stanzas whether it has read what it was sent: it answers a ping (XEP-0199 §4.1) when it
 * has read all before. What the network has taken may yet be lost.
 * @returns false when it does not answer in time, as it should (RFC 6120 §8.2.3)
 */
export async function hasRead(requests: Requests, session: Session): Promise<boolean> {
  const { jid } = session;
  const attrs = { type: "get", from: jid.domain, to: jid.text };
  const ping = Stanza.of(xml("iq", attrs, xml("ping", { xmlns: NS_PING })));
  try {
    await requests.ask(ping, ANSWER, async (iq) => session.send(iq));
    return true;
  } catch (error) {
    // Also who knows no pings has read it.
    return error instanceof StanzaError && error.condition !== "remote-server-timeout";
  }
}
