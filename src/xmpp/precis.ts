/** The two PRECIS profiles XMPP uses: UsernameCaseMapped and OpaqueString (RFC 8265). */
import { isFreeform, isIdentifier } from "./precis-classes.js";
import { fitsBidiRule } from "./precis-context.js";

/** A string that a PRECIS profile does not allow. */
export class PrecisError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "PrecisError";
  }
}

/**
 * Prepares and enforces a username or JID localpart: width, case, NFC, Bidi Rule. RFC 8265 §3.3. The case mapping is
 * Unicode's toLowerCase(), by which a capital sigma at the end of a word becomes a final one.
 * @throws PrecisError for a string that is empty or holds what IdentifierClass does not allow.
 */
export function usernameCaseMapped(text: string): string {
  if (/^[!-~]+$/.test(text)) return text.toLowerCase();
  // §3.3.1: judged before case and NFC, and after width, which alone may turn a forbidden code point into another.
  if (!isIdentifier(mapWidth(text))) throw new PrecisError("not of the IdentifierClass");
  const name = untilStable(text, (t) => mapWidth(t).toLowerCase().normalize("NFC"));
  if (name === "" || !isIdentifier(name)) throw new PrecisError("not of the IdentifierClass");
  if (!fitsBidiRule(name)) throw new PrecisError("breaks the Bidi Rule");
  return name;
}

/**
 * Prepares and enforces a password or JID resourcepart: other spaces become U+0020, then NFC. RFC 8265 §4.2.
 * @throws PrecisError for a string that is empty or holds what FreeformClass does not allow.
 */
export function opaqueString(text: string): string {
  if (/^[ -~]+$/.test(text)) return text;
  if (!isFreeform(text)) throw new PrecisError("not of the FreeformClass");
  const opaque = untilStable(text, (t) => t.replace(/\p{Zs}/gu, " ").normalize("NFC"));
  if (opaque === "" || !isFreeform(opaque)) throw new PrecisError("not of the FreeformClass");
  return opaque;
}

/** Fullwidth and halfwidth code points as their usual forms, nothing else. RFC 8264 §5.2.1 */
export function mapWidth(text: string): string {
  return text.replace(/[\u3000\uFF01-\uFFEE]/g, (char) => char.normalize("NFKC"));
}

/** RFC 8264 §7: the rules are applied until nothing changes, at most three times more. */
function untilStable(text: string, apply: (text: string) => string): string {
  let before = apply(text);
  for (let round = 0; round < 3; round++) {
    const after = apply(before);
    if (after === before) return after;
    before = after;
  }
  throw new PrecisError("does not become stable");
}
