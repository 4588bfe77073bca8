import assert from "node:assert/strict";
import { opaqueString, PrecisError, usernameCaseMapped } from "../../src/xmpp/precis.js";
import { derivedProperty } from "../../src/xmpp/precis-classes.js";

const refuses = (profile: (text: string) => string, text: string) =>
  assert.throws(() => profile(text), PrecisError, JSON.stringify(text));

describe("PRECIS", () => {
  describe("UsernameCaseMapped", () => {
    const examples: [from: string, to: string][] = [
      // RFC 8265 §3.5
      ["juliet@example.com", "juliet@example.com"],
      ["fussball", "fussball"],
      ["fu\u00DFball", "fu\u00DFball"],
      ["\u03C0", "\u03C0"],
      ["\u03A3", "\u03C3"],
      ["\u03C3", "\u03C3"],
      ["\u03C2", "\u03C2"],
      ["Juliet", "juliet"],
      ["\uFF2A\uFF55\uFF4C", "jul"],
      ["\uFF76\uFF9E", "\u30AC"],
      ["E\u0301a", "\u00E9a"],
      ["\u0391\u03A3", "\u03B1\u03C2"],
      ["\u0130", "i\u0307"],
      ["col\u00B7la", "col\u00B7la"],
      ["\u{10400}", "\u{10428}"],
    ];
    for (const [from, to] of examples)
      it(`makes ${to} of ${from}`, () => assert.equal(usernameCaseMapped(from), to));

    const violations: [why: string, text: string][] = [
      ["a space", "foo bar"],
      ["nothing", ""],
      ["a compatibility character", "henry\u2163"],
      ["a symbol", "\u265A"],
      ["infinity", "\u221E"],
      ["a control character", "a\u0000"],
      ["a soft hyphen", "a\u00ADb"],
      ["a lone surrogate", "a\uD800"],
      ["a noncharacter", "a\uFFFE"],
      ["a private use code point", "a\uE000"],
      ["an unassigned code point", "a\u0378"],
      ["an old jamo", "\u1100\u1161"],
      ["tatweel", "\u0627\u0640\u0628"],
      ["a fullwidth space", "a\u3000b"],
      ["the Kelvin sign, which would become k", "\u212A"],
      ["a bidi override", "a\u202Eb"],
    ];
    for (const [why, text] of violations) it(`refuses ${why}`, () => refuses(usernameCaseMapped, text));
  });

  describe("OpaqueString", () => {
    const examples: [from: string, to: string][] = [
      // RFC 8265 §4.3
      ["correct horse battery staple", "correct horse battery staple"],
      ["Correct Horse Battery Staple", "Correct Horse Battery Staple"],
      ["\u03C0\u00DF\u00E5", "\u03C0\u00DF\u00E5"],
      ["Jack of \u2666s", "Jack of \u2666s"],
      ["foo\u1680bar", "foo bar"],
      ["\u3000", " "],
      ["\uFF2A", "\uFF2A"],
      ["a\u030A", "\u00E5"],
      ["\u05D0a", "\u05D0a"],
    ];
    for (const [from, to] of examples)
      it(`makes ${JSON.stringify(to)} of ${JSON.stringify(from)}`, () =>
        assert.equal(opaqueString(from), to));

    it("refuses the empty string", () => refuses(opaqueString, ""));
    it("refuses a tab", () => refuses(opaqueString, "my cat is a \tby"));
    it("refuses what needs a context and has none", () => refuses(opaqueString, "a\u200Db"));
  });

  describe("context rules (RFC 5892 appendix A)", () => {
    const rules: [name: string, good: string[], bad: string[]][] = [
      [
        "zero width non-joiner",
        ["\u0915\u094D\u200C\u0937", "\u0628\u200C\u0628", "\u0628\u064B\u200C\u064B\u0628\u200C\u0628"],
        [
          "\u200C",
          "a\u200Cb",
          "\u0628\u200C",
          "\u200C\u0628",
          "\u0628\u200C\u200C\u0628",
          "\u0628\u200C\u0628\u200Ca",
        ],
      ],
      ["zero width joiner", ["\u0915\u094D\u200D\u0937"], ["\u200D", "a\u200Db", "\u0628\u200D\u0628"]],
      ["middle dot", ["l\u00B7l"], ["\u00B7", "l\u00B7", "\u00B7l", "a\u00B7l"]],
      ["keraia", ["\u0375\u03B1"], ["\u0375", "\u03B1\u0375", "\u0375a"]],
      ["geresh and gershayim", ["\u05D0\u05F3", "\u05D0\u05F4\u05D1"], ["\u05F3", "\u05F4\u05D0"]],
      ["Katakana middle dot", ["\u30A2\u30FB", "a\u30FB\u6F22"], ["\u30FB", "a\u30FBb"]],
      ["Arabic digits", ["\u0628\u0661", "\u0628\u06F1"], ["\u0628\u0661\u06F1"]],
    ];
    for (const [name, good, bad] of rules)
      it(`holds for ${name}`, () => {
        for (const text of good) assert.equal(opaqueString(text), text);
        for (const text of bad) refuses(opaqueString, text);
      });
  });

  describe("Bidi Rule (RFC 5893 §2)", () => {
    for (const text of ["\u05D0\u05D1", "\u05D01", "\u0628\u0661", "\u05D0\u05B0", "\u05D0-\u05D1"])
      it(`takes ${JSON.stringify(text)}`, () => assert.equal(usernameCaseMapped(text), text));
    const violations: [why: string, text: string][] = [
      ["a right-to-left letter in a left-to-right name", "a\u05D0"],
      ["a left-to-right letter in a right-to-left name", "\u05D0a\u05D1"],
      ["a digit at the start", "1\u05D0"],
      ["a mark at the start", "\u05B0\u05D0"],
      ["punctuation at the end", "\u05D0-"],
      ["European with Arabic digits", "\u0628\u06611\u0628"],
    ];
    for (const [why, text] of violations) it(`refuses ${why}`, () => refuses(usernameCaseMapped, text));
  });

  it("derives each property from one of its sources (RFC 8264 §9)", () => {
    const sources: Record<string, string> = {
      "\u00DF\u03C2\u06FD\u0F0B\u3007": "pvalid", // §9.6
      "\u00B7\u0375\u05F3\u30FB\u0669\u06F0": "context",
      "\u0640\u07FA\u302E\u3031\u303B": "disallowed",
      "!A~": "pvalid", // §9.11
      "\u200C\u200D": "context", // §9.8
      "\u1100\uA960\uD7B0": "disallowed", // §9.9
      "\u00AD\u200B\uFFFE\u{1FFFF}\uFE0F": "disallowed", // §9.13
      "\u0000\u007F\u0085": "disallowed", // §9.12
      "\u00AA\u2163\uFF21\u00A0": "free", // §9.17
      "\u00E9\u0967\u02B9\u0301\u0903": "pvalid", // §9.1
      "\u16EE\u2180\u2780\u20DD": "free", // §9.18
      " \u1680\u265A\u20AC\u00A7\u2014": "free", // §9.14 to §9.16
      "\u2028\uE000\uD800\u202A": "disallowed",
      "\u0378\u{40000}": "unassigned", // §9.10
    };
    for (const [chars, property] of Object.entries(sources))
      for (const char of chars)
        assert.equal(derivedProperty(char), property, `U+${char.codePointAt(0)?.toString(16)}`);
  });

  describe("is idempotent", () => {
    for (const profile of [usernameCaseMapped, opaqueString])
      it(`${profile.name}, over 20,000 strings made from scripts, marks, widths and joiners`, () => {
        let accepted = 0;
        for (const text of strings(20_000)) {
          const once = attempt(profile, text);
          if (once === undefined) continue;
          accepted++;
          assert.equal(profile(once), once, JSON.stringify(text));
        }
        assert.ok(accepted > 1000, `only ${accepted} were accepted`);
      });
  });
});

function attempt(profile: (text: string) => string, text: string): string | undefined {
  try {
    return profile(text);
  } catch (error) {
    if (error instanceof PrecisError) return undefined;
    throw error;
  }
}

/** Always the same strings: a linear congruential generator picks from ranges where mappings are found. */
function* strings(count: number): Generator<string> {
  const ranges: [first: number, last: number][] = [
    [0x20, 0x7e],
    [0xc0, 0x24f],
    [0x300, 0x345],
    [0x386, 0x3ce],
    [0x5d0, 0x5ea],
    [0x1e00, 0x1fff],
    [0x30a1, 0x30fb],
    [0xac00, 0xac80],
    [0xff21, 0xff9f],
    [0x200c, 0x200d],
    [0x10400, 0x1044f],
  ];
  let seed = 7622;
  const next = (bound: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * bound);
  };
  for (let i = 0; i < count; i++) {
    let text = "";
    for (let length = 1 + next(4); length > 0; length--) {
      const [first, last] = ranges[next(ranges.length)] ?? [0x20, 0x7e];
      text += String.fromCodePoint(first + next(last - first + 1));
    }
    yield text;
  }
}
