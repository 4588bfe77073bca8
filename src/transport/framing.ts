import { type Attrs, Element } from "../xml/element.js";

/** RFC 7395 §3.3.2 */
export const NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";

/**
 * The stream header that a client would have sent over TCP: RFC 6120 §4.7. `to`, `from`, `id`, `version` and `xml:lang`
 * mean the same wherever they stand.
 */
export function streamHeader(attrs: Attrs): Element {
  const header = new Element("stream:stream", {
    xmlns: "jabber:client",
    "xmlns:stream": "http://etherx.jabber.org/streams",
  });
  for (const name of ["to", "from", "id", "version", "xml:lang"]) {
    if (attrs[name] !== undefined) header.attrs[name] = attrs[name];
  }
  return header;
}
