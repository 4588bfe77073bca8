import { SaxesParser } from "saxes";

export type { SaxesAttributeNS, SaxesTagNS } from "saxes";

const OPTIONS = { xmlns: true, position: false, defaultXMLVersion: "1.0", forceXMLVersion: true } as const;

/** The parts of saxes 6.0.0 that are reached into; the version is pinned for it. */
interface Insides {
  /** The text being read, and how far. */
  chunk: string;
  i: number;
  /** Character data so far of what is being read. */
  text: string;
  tags: readonly unknown[];
  /** How much of "]]>" was just read; 0: nothing. */
  forbiddenState: number;
}

type State = (this: Insides) => void;

/** Characters that mean nothing but themselves. Half characters, control characters and all that ends a run are left to saxes. */
const PLAIN_TEXT = /[\t\n !-%'-;=-\\^-\ud7ff\ue000-\ufffd]*/y;
const PLAIN_VALUE = /[ !#-%(-;=-\ud7ff\ue000-\ufffd]*/y;

/**
 * saxes, strict XML 1.0 with namespaces, which looks at each character by itself. Most characters of a stanza stand in runs
 * that mean nothing: those are passed over at once, by one regular expression; then saxes goes on as ever.
 */
export class Tokenizer extends SaxesParser<typeof OPTIONS> {
  constructor() {
    super(OPTIONS);
  }
}

const states = Tokenizer.prototype as unknown as Record<"sText" | "sAttribValueQuoted", State>;
const { sText, sAttribValueQuoted } = states;

states.sText = function () {
  if (this.tags.length > 0 && this.forbiddenState === 0) passOver(this, PLAIN_TEXT);
  sText.call(this);
};

states.sAttribValueQuoted = function () {
  passOver(this, PLAIN_VALUE);
  sAttribValueQuoted.call(this);
};

function passOver(insides: Insides, plain: RegExp): void {
  const { chunk, i } = insides;
  plain.lastIndex = i;
  plain.test(chunk);
  const end = plain.lastIndex;
  if (end === i) return;
  insides.text += chunk.slice(i, end);
  insides.i = end;
}
