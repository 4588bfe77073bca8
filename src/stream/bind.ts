import { xml } from "../xml/element.js";
import { StanzaError } from "../xmpp/errors.js";
import { NS_CLIENT, Stanza } from "../xmpp/stanza.js";
import type { ClientStream } from "./client-stream.js";
import type { Feature } from "./negotiation.js";

export const NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind";
const NS_SESSION = "urn:ietf:params:xml:ns:xmpp-session";

/** RFC 6120 §7. */
export const bind: Feature<ClientStream> = {
  name: "bind",
  offer(stream) {
    if (!stream.account || stream.session) return undefined;
    return [
      xml("bind", { xmlns: NS_BIND }),
      // COMPAT: clients of RFC 3921 want a session established; RFC 6121 has dropped it, so it is optional.
      xml("session", { xmlns: NS_SESSION }, xml("optional")),
    ];
  },
  accepts: (element, stream) =>
    stream.account !== undefined && !stream.session && element.getChild("bind", NS_BIND) !== undefined,
  async negotiate(element, stream) {
    const iq = Stanza.of(element);
    try {
      const wanted = iq.getChild("bind", NS_BIND)?.getChildText("resource") || undefined;
      if (iq.kind !== "iq" || iq.type !== "set" || !iq.id) throw new StanzaError("bad-request");
      const jid = await stream.bind(wanted);
      const answer = xml("bind", { xmlns: NS_BIND }, xml("jid", null, jid.text));
      stream.send(xml("iq", { xmlns: NS_CLIENT, type: "result", id: iq.id }, answer));
      await stream.bound();
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      const asked = xml("bind", { xmlns: NS_BIND });
      stream.send(xml("iq", { xmlns: NS_CLIENT, type: "error", id: iq.id }, asked, error.toElement()));
    }
  },
};
