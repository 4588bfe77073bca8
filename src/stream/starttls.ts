import { serialize, xml } from "../xml/element.js";
import type { ClientStream } from "./client-stream.js";
import type { Feature } from "./negotiation.js";

export const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";

/** RFC 6120 §5, RFC 7590. */
export const starttls: Feature<ClientStream> = {
  name: "starttls",
  offer(stream) {
    if (!stream.connection.canStartTls || stream.account) return undefined;
    const required = stream.settings.tlsRequired ? xml("required") : undefined;
    return xml("starttls", { xmlns: NS_TLS }, required);
  },
  accepts: (element, { connection, account }) =>
    element.is("starttls", NS_TLS) && connection.canStartTls && !account,
  negotiate(_element, stream) {
    stream.connection.write(serialize(xml("proceed", { xmlns: NS_TLS })));
    stream.startTls();
    return undefined;
  },
};
