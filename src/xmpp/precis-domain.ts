/** The domainpart of a JID in its canonical form. RFC 7622 §3.2 */
import { isIPv6 } from "node:net";
import { toASCII, toUnicode } from "tr46";
import { mapWidth, PrecisError } from "./precis.js";
import { derivedProperty, isIdentifier } from "./precis-classes.js";

/** An ASCII name already in canonical form: NR-LDH labels (RFC 5890 §2.3.1) in lower case. Also fits IPv4 addresses. */
const CANONICAL =
  /^(?:(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.(?!..--)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const LABEL_MAX = 63;
const IDNA = { checkHyphens: true, checkBidi: true, checkJoiners: true, useSTD3ASCIIRules: true };

/**
 * Lower case, U-labels in NFC, no final dot; an IPv6 literal in brackets in its shortest form.
 * @throws PrecisError for what is neither an IP address nor a name made of NR-LDH labels and U-labels.
 */
export function canonicalDomain(text: string): string {
  if (CANONICAL.test(text)) return text;
  if (text.startsWith("[")) return ipv6Literal(text);
  // Mapping as far as RFC 5895 §2 has it: case, width, ideographic full stop, NFC. UTS #46 would map more.
  const mapped = mapWidth(text).toLowerCase().replaceAll("\u3002", ".").normalize("NFC").replace(/\.$/, "");
  if (CANONICAL.test(mapped)) return mapped;
  for (const char of mapped) {
    const property = derivedProperty(char);
    if (property !== "pvalid" && property !== "context") throw new PrecisError("not of U-labels");
  }
  // RFC 7622 §3.2.1: A-labels become U-labels.
  const { domain, error } = toUnicode(mapped, IDNA);
  if (error || !domain.split(".").every(isLabel)) throw new PrecisError("not a domain name");
  return domain;
}

/** UTS #46 knows more valid code points (symbols) than RFC 5892, hence the second look. */
function isLabel(label: string): boolean {
  const ascii = toASCII(label, IDNA);
  return label !== "" && isIdentifier(label) && ascii !== null && ascii.length <= LABEL_MAX;
}

function ipv6Literal(text: string): string {
  const address = text.slice(1, -1);
  if (!text.endsWith("]") || address.includes("%") || !isIPv6(address))
    throw new PrecisError("not an IP literal");
  return new URL(`xmpp://${text}`).hostname;
}
