import type { X509Certificate } from "node:crypto";
import { decode, readOid, type Value } from "../transport/der.js";
import { Jid } from "../xmpp/jid.js";
import type { ClientStream } from "./client-stream.js";

const ALTERNATIVE_NAMES = "2.5.29.17";
/** RFC 6120 §13.7.1.4 */
const XMPP_ADDRESS = "1.3.6.1.5.5.7.8.5";
/** Context-specific tags of X.690 §8.14, as RFC 5280 §4.1 and §4.2.1.6 use them. */
const TAG = { extensions: 0xa3, otherName: 0xa0, otherNameValue: 0xa0, email: 0x81 } as const;
const UTF8_STRING = 0x0c;

/**
 * Bare JIDs that the client's certificate proves: RFC 6120 §13.7.1.4 (id-on-xmppAddr), and e-mail addresses, both of the
 * stream's domain. XEP-0178 §2
 */
export function externalIdentities(stream: ClientStream): string[] {
  const certificate = stream.tls?.clientCertificate;
  if (!certificate) return [];
  const jids = addressesOf(certificate).map((text) => Jid.tryParse(text));
  const own = jids.filter((jid) => jid?.isBare && jid.local !== "" && jid.domain === stream.domain);
  return [...new Set(own.map(String))];
}

/** Read from the certificate itself: how its names are printed is not made to be read back, and has changed over time. */
export function addressesOf({ raw }: X509Certificate): string[] {
  try {
    return alternativeNames(raw).flatMap((name) => addressOf(name) ?? []);
  } catch (error) {
    // A certificate in bad shape proves nothing.
    if (error instanceof RangeError || error instanceof TypeError) return [];
    throw error;
  }
}

/** `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { …, extensions [3] }, … }` RFC 5280 §4.1 */
function alternativeNames(raw: Buffer): Value[] {
  const [certificate] = decode(raw);
  const [toBeSigned] = decode(certificate.content);
  const extensions = decode(toBeSigned.content).find(({ tag }) => tag === TAG.extensions);
  if (!extensions) return [];
  const [list] = decode(extensions.content);
  for (const extension of decode(list.content)) {
    // extnID, critical DEFAULT FALSE, extnValue OCTET STRING
    const parts = decode(extension.content);
    if (readOid(parts[0].content) === ALTERNATIVE_NAMES) {
      const [names] = decode(parts[parts.length - 1].content);
      return decode(names.content);
    }
  }
  return [];
}

/** `otherName [0] SEQUENCE { type-id, value [0] EXPLICIT ANY }`, `rfc822Name [1] IA5String` RFC 5280 §4.2.1.6 */
function addressOf({ tag, content }: Value): string | undefined {
  if (tag === TAG.email) return content.toString("latin1");
  if (tag !== TAG.otherName) return undefined;
  const [type, value] = decode(content);
  if (readOid(type.content) !== XMPP_ADDRESS || value?.tag !== TAG.otherNameValue) return undefined;
  const [text] = decode(value.content);
  return text?.tag === UTF8_STRING ? text.content.toString() : undefined;
}
