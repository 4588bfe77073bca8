/** What the first request and its answer say besides stanzas: XEP-0124 §7, XEP-0206 §4. */
import type { Attrs, AttrsInput, Element } from "../../xml/element.js";
import { streamHeader } from "../framing.js";
import { type BoshRequest, NS_XBOSH } from "./request.js";
import type { BoshTerms } from "./terms.js";

/** §7.2 and XEP-0206 §4; times in seconds. */
export function creationAttrs(sid: string, request: BoshRequest, terms: BoshTerms): AttrsInput {
  return {
    sid,
    wait: terms.wait / 1000,
    requests: terms.requests,
    ver: terms.version,
    hold: terms.hold,
    inactivity: Math.floor(terms.inactivity / 1000),
    polling: terms.polling > 0 ? Math.ceil(terms.polling / 1000) : undefined,
    maxpause: Math.floor(terms.pause / 1000),
    ack: terms.acks ? request.rid : undefined,
    charsets: "UTF-8",
    "xmlns:xmpp": NS_XBOSH,
    "xmpp:restartlogic": "true",
  };
}

/** The stream header that a first request, or one that restarts the stream, stands for. */
export function headerOf(request: BoshRequest): Element {
  const { to, from, "xml:lang": lang } = request.body.attrs;
  // COMPAT: xmpp:version is left out by some clients that know no version but this one.
  const version = request.xbosh("version") ?? "1.0";
  const header: Attrs = { version };
  if (to !== undefined) header.to = to;
  if (from !== undefined) header.from = from;
  if (lang !== undefined) header["xml:lang"] = lang;
  return streamHeader(header);
}
