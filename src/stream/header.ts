import type { Attrs, Element } from "../xml/element.js";
import { StreamError } from "../xmpp/errors.js";
import { Jid } from "../xmpp/jid.js";
import { NS_CLIENT } from "../xmpp/stanza.js";

export const NS_STREAM = "http://etherx.jabber.org/streams";

/** What a client's stream header says. */
export interface Header {
  to: string;
  from: Jid | undefined;
  lang: string | undefined;
  /** The namespace of first-level elements that name none. */
  content: string | undefined;
}

/**
 * RFC 6120 §4.7, §4.8.
 * @throws StreamError
 */
export function readHeader(header: Element): Header {
  const { attrs } = header;
  if (header.getNS() !== NS_STREAM) throw new StreamError("invalid-namespace");
  // §4.8.5: other prefixes may be refused; this one is.
  if (header.name !== "stream:stream") {
    throw new StreamError(header.getName() === "stream" ? "bad-namespace-prefix" : "bad-format");
  }
  // §4.8.2: it may be declared here, or by each element for itself.
  const content = attrs.xmlns || undefined;
  if (content !== undefined && content !== NS_CLIENT) throw new StreamError("invalid-namespace");
  // §4.7.5: no version means 0.9, before SASL.
  if (!/^[1-9][0-9]*\.[0-9]+$/.test(attrs.version ?? "")) throw new StreamError("unsupported-version");
  if (!attrs.to) throw new StreamError("improper-addressing", "the stream header has no 'to'");
  const to = Jid.tryParse(attrs.to);
  if (to?.local !== "" || to.resource !== "") throw new StreamError("host-unknown");
  return { to: to.domain, from: Jid.tryParse(attrs.from), lang: attrs["xml:lang"], content };
}

/** The server's own header, §4.7. `to` is told only to those who said who they are (§4.7.2). */
export function answerHeader(domain: string, id: string, asked: Header | undefined): Attrs {
  const attrs: Attrs = { from: domain, id, version: "1.0", "xml:lang": asked?.lang ?? "en" };
  if (asked?.from) attrs.to = asked.from.text;
  return attrs;
}
