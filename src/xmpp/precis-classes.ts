/**
 * The string classes of PRECIS (RFC 8264 §4): which code points a string may hold. What a code point is follows from
 * its Unicode properties by the algorithm of §8, so the answer moves with the Unicode version of the running Node.
 */
import { fitsContext } from "./precis-context.js";

/** RFC 8264 §8: the derived property. `free` is "ID_DIS or FREE_PVAL". */
export type DerivedProperty = "pvalid" | "free" | "context" | "disallowed" | "unassigned";

/** RFC 8264 §9.6 */
const VALID_EXCEPTION = /^[\u00DF\u03C2\u06FD\u06FE\u0F0B\u3007]$/u;
const CONTEXT_EXCEPTION = /^[\u00B7\u0375\u05F3\u05F4\u30FB\u0660-\u0669\u06F0-\u06F9]$/u;
const DISALLOWED_EXCEPTION = /^[\u0640\u07FA\u302E\u302F\u3031-\u3035\u303B]$/u;
/** RFC 8264 §9.9: Hangul_Syllable_Type L, V and T. */
const OLD_HANGUL_JAMO = /^[\u1100-\u11FF\uA960-\uA97C\uD7B0-\uD7C6\uD7CB-\uD7FB]$/u;
/** RFC 8264 §9.13, §9.12 */
const IGNORABLE_OR_CONTROL = /^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Cc}]$/u;
/** RFC 8264 §9.1 */
const LETTER_DIGIT = /^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u;
/** RFC 8264 §9.14 to §9.18: other letters and digits, spaces, symbols, punctuation. */
const FREE = /^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{S}\p{P}]$/u;

const properties: readonly DerivedProperty[] = ["pvalid", "free", "context", "disallowed", "unassigned"];
/** What was found out before: 1 + index in `properties` by code point, 0 where nobody asked. */
const known = new Uint8Array(0x110000);

/** @param char one code point. */
export function derivedProperty(char: string): DerivedProperty {
  const code = char.codePointAt(0) ?? 0;
  const before = properties[(known[code] ?? 0) - 1];
  if (before) return before;
  const property = derive(char);
  known[code] = properties.indexOf(property) + 1;
  return property;
}

function derive(char: string): DerivedProperty {
  // The order is that of RFC 8264 §8. §9.7 (BackwardCompatible) is empty.
  if (VALID_EXCEPTION.test(char)) return "pvalid";
  if (CONTEXT_EXCEPTION.test(char)) return "context";
  if (DISALLOWED_EXCEPTION.test(char)) return "disallowed";
  if (/^\p{Cn}$/u.test(char) && !/^\p{Noncharacter_Code_Point}$/u.test(char)) return "unassigned";
  if (/^[!-~]$/u.test(char)) return "pvalid"; // §9.11
  if (char === "\u200C" || char === "\u200D") return "context"; // §9.8
  if (OLD_HANGUL_JAMO.test(char)) return "disallowed";
  if (IGNORABLE_OR_CONTROL.test(char)) return "disallowed";
  if (char.normalize("NFKC") !== char) return "free"; // §9.17, HasCompat
  if (LETTER_DIGIT.test(char)) return "pvalid";
  return FREE.test(char) ? "free" : "disallowed";
}

/** Whether `text` consists of what IdentifierClass allows (RFC 8264 §4.2); true for "". */
export function isIdentifier(text: string): boolean {
  return everyCodePoint(text, false);
}

/** Whether `text` consists of what FreeformClass allows (RFC 8264 §4.3); true for "". */
export function isFreeform(text: string): boolean {
  return everyCodePoint(text, true);
}

function everyCodePoint(text: string, free: boolean): boolean {
  let at = 0;
  for (const char of text) {
    const property = derivedProperty(char);
    const allowed =
      property === "pvalid" ||
      (property === "free" && free) ||
      (property === "context" && fitsContext(text, at, char));
    if (!allowed) return false;
    at += char.length;
  }
  return true;
}
