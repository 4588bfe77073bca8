/** Makes streams from a grammar and spoils them. Everything follows from a seed. */

import type { ParserLimits } from "../../src/xml/parser.js";

/** A small generator of numbers that are the same for the same seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** From 0 to less than `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  chance(of: number): boolean {
    return this.next() < of;
  }
}

const NAMES = ["message", "iq", "presence", "a", "b", "body", "é", "x-1", "__proto__", "constructor", "_.-"];
const PREFIXES = ["h", "p", "q"];
const SPACES = ["", "", " ", "\n", "\r\n", "\t", "\r"];
const TEXTS = [
  "hi",
  "é",
  "€",
  "🎭",
  "\u{10FFFF}",
  " ",
  "\r\n",
  "\r",
  "\n\n",
  "\t",
  "&amp;",
  "&lt;",
  "&#x1F3AD;",
  "&#13;",
  "&#10;",
  "&apos;",
  "]]",
  ">",
  "'\"",
  "\ufeff",
  "\u0085",
  "Good night, good night! Parting is such sweet sorrow",
];
const CDATAS = ["", "<a>&", "]]", "\r\n", "🎭", "</message>"];

/** What means something in XML, to be put where it does not belong. */
export const SNIPPETS = [
  "<",
  ">",
  "/>",
  "</",
  "&",
  ";",
  "'",
  '"',
  "=",
  " ",
  "\r",
  "\n",
  "\r\n",
  "<!--",
  "-->",
  "<![CDATA[",
  "]]>",
  "<?",
  "?>",
  "<!DOCTYPE a [<!ENTITY b 'c'>]>",
  "&b;",
  "&nbsp;",
  "&amp;",
  "&#0;",
  "&#x41;",
  "&constructor;",
  "<a>",
  "</a>",
  "<a/>",
  "<message/>",
  "</message>",
  "</iq>",
  "</stream:stream>",
  " xmlns=''",
  " xmlns='urn:x'",
  " xmlns:p='urn:h'",
  " xmlns:h='urn:other'",
  "p:",
  "h:",
  ":",
  "xml:lang='en'",
  " a='1'",
  "\0",
  "\x01",
  "\uffff",
  "\ufeff",
  "é",
  "🎭",
  "x",
] as const;

const BYTES = [0x00, 0x80, 0xbf, 0xc0, 0xc3, 0xe2, 0xed, 0xa0, 0xf0, 0xf4, 0xff];

export class Grammar {
  constructor(readonly dice: Dice) {}

  /** A whole stream without mistakes. */
  stream(): Buffer {
    const { dice } = this;
    const declaration = dice.chance(0.3) ? `<?xml version='1.0'?>${dice.one(SPACES)}` : "";
    const lead =
      " xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:h='urn:h' xmlns:q='urn:q'";
    let text = `${declaration}<stream:stream${lead}${this.#space()}>`;
    for (let left = 1 + dice.below(5); left > 0; left--) text += this.#space() + this.#element(0, ["h", "q"]);
    if (dice.chance(0.5)) text += `${this.#space()}</stream:stream${this.#space()}>${this.#space()}`;
    return Buffer.from(text);
  }

  /** The same with some mistakes, or changes that are none. */
  spoil(stream: Buffer): Buffer {
    let bytes = stream;
    for (let left = this.dice.below(4); left > 0; left--) bytes = this.#change(bytes);
    return bytes;
  }

  /** Caps that most streams keep to, or some that few do. */
  limits(): ParserLimits {
    const { dice } = this;
    return {
      maxBytes: dice.one([65_536, 65_536, 400, 200]),
      maxDepth: dice.one([20, 20, 2]),
      maxAttributes: dice.one([20, 20, 2]),
    };
  }

  /** The bytes cut at random places. */
  cut(bytes: Buffer): Buffer[] {
    const chunks: Buffer[] = [];
    const most = this.dice.one([1, 3, 20, 200, 10_000]);
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + this.dice.below(most);
      chunks.push(bytes.subarray(at, end));
      at = end;
    }
    return chunks;
  }

  #change(bytes: Buffer): Buffer {
    const { dice } = this;
    const at = dice.below(bytes.length);
    const end = Math.min(bytes.length, at + 1 + dice.below(dice.one([1, 4, 40])));
    const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
    switch (dice.below(6)) {
      case 0: {
        const flipped = Buffer.from(bytes);
        flipped[at] ^= 1 << dice.below(8);
        return flipped;
      }
      case 1:
        return Buffer.concat([before, after]);
      case 2:
        return Buffer.concat([before, part, part, after]);
      case 3:
        return Buffer.concat([before, Buffer.from([dice.one(BYTES)]), part, after]);
      default:
        return Buffer.concat([before, Buffer.from(dice.one(SNIPPETS)), part, after]);
    }
  }

  #element(depth: number, declared: readonly string[]): string {
    const { dice } = this;
    const own = PREFIXES.filter(() => dice.chance(0.15));
    const known = [...new Set([...declared, ...own])];
    const name = this.#prefix(known, 0.2) + dice.one(NAMES);
    let text = `<${name}`;
    for (const prefix of own) text += ` xmlns:${prefix}=${this.#quoted(`urn:${prefix}:${dice.below(2)}`)}`;
    if (dice.chance(0.2)) text += ` xmlns=${this.#quoted(dice.one(["urn:1", "urn:2", "jabber:client", ""]))}`;
    text += this.#attributes(known) + this.#space();
    if (dice.chance(0.25)) return `${text}/>`;
    return `${text}>${this.#content(depth, known)}</${name}${this.#space()}>`;
  }

  #attributes(known: readonly string[]): string {
    const { dice } = this;
    const names = new Set<string>();
    for (let left = dice.below(4); left > 0; left--) {
      // Each local name once, since two prefixes may mean the same namespace.
      const local = dice.one(NAMES);
      if (![...names].some((name) => name.endsWith(local))) names.add(this.#prefix(known, 0.2) + local);
    }
    if (dice.chance(0.1)) names.add("xml:lang");
    let text = "";
    for (const name of names) {
      text += ` ${this.#space()}${name}${this.#space()}=${this.#space()}${this.#quoted(this.#words(["]]", "<", "'\""]))}`;
    }
    return text;
  }

  #content(depth: number, known: readonly string[]): string {
    const { dice } = this;
    let text = "";
    for (let left = dice.below(5); left > 0; left--) {
      const kind = dice.below(4);
      if (kind === 0) text += `<![CDATA[${dice.one(CDATAS)}]]>`;
      else if (kind === 1 && depth < 4) text += this.#element(depth + 1, known);
      else text += this.#words([">"]);
    }
    return text;
  }

  #words(without: readonly string[]): string {
    let text = "";
    for (let left = this.dice.below(4); left > 0; left--) {
      const word = this.dice.one(TEXTS);
      if (!without.includes(word)) text += word;
    }
    return text;
  }

  #quoted(value: string): string {
    return this.dice.chance(0.5) ? `'${value}'` : `"${value}"`;
  }

  #prefix(known: readonly string[], chance: number): string {
    return known.length > 0 && this.dice.chance(chance) ? `${this.dice.one(known)}:` : "";
  }

  #space(): string {
    return this.dice.one(SPACES);
  }
}
