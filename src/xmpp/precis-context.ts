/** Contextual rules (RFC 5892 appendix A) and the Bidi Rule (RFC 5893 §2): what depends on the neighbours. */
// COMPAT: an inner file of tr46, whose version is pinned: JavaScript has no \p{Bidi_Class} and no \p{Joining_Type}.
import regexes from "tr46/lib/regexes.js";

const ARABIC_INDIC = /[\u0660-\u0669]/;
const EXTENDED_ARABIC_INDIC = /[\u06F0-\u06F9]/;
const KANA_OR_HAN = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;

/**
 * Whether the code point `char`, which needs a context, may stand at index `at` (in UTF-16 units) of `text`.
 * False for a code point without a rule.
 */
export function fitsContext(text: string, at: number, char: string): boolean {
  switch (char) {
    case "\u200C": // A.1, zero width non-joiner
      return followsVirama(text, at) || joinsCursively(text, at);
    case "\u200D": // A.2, zero width joiner
      return followsVirama(text, at);
    case "\u00B7": // A.3, middle dot: Catalan l·l
      return text[at - 1] === "l" && text[at + 1] === "l";
    case "\u0375": // A.4, Greek keraia
      return /^\p{Script=Greek}/u.test(text.slice(at + 1));
    case "\u05F3": // A.5, Hebrew geresh
    case "\u05F4": // A.6, Hebrew gershayim
      return /\p{Script=Hebrew}$/u.test(text.slice(0, at));
    case "\u30FB": // A.7, Katakana middle dot
      return KANA_OR_HAN.test(text);
  }
  if (ARABIC_INDIC.test(char)) return !EXTENDED_ARABIC_INDIC.test(text); // A.8
  return EXTENDED_ARABIC_INDIC.test(char) && !ARABIC_INDIC.test(text); // A.9
}

function followsVirama(text: string, at: number): boolean {
  const before = Array.from(text.slice(0, at)).at(-1);
  return before !== undefined && regexes.combiningClassVirama.test(before);
}

function joinsCursively(text: string, at: number): boolean {
  if (at === 0) return false;
  // The rule's context never reaches over another non-joiner, so only what lies between two of them is shown to it.
  const before = text.lastIndexOf("\u200C", at - 1);
  const next = text.indexOf("\u200C", at + 1);
  return regexes.validZWNJ.test(text.slice(before + 1, next < 0 ? text.length : next));
}

/** Whether `text` fulfils the Bidi Rule; a string without right-to-left code points always does (RFC 8264 §5.2.5). */
export function fitsBidiRule(text: string): boolean {
  if (!regexes.bidiDomain.test(text)) return true;
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  if (regexes.bidiS1RTL.test(first)) {
    const mixed = regexes.bidiS4EN.test(text) && regexes.bidiS4AN.test(text);
    return regexes.bidiS2.test(text) && regexes.bidiS3.test(text) && !mixed;
  }
  return regexes.bidiS1LTR.test(first) && regexes.bidiS5.test(text) && regexes.bidiS6.test(text);
}
