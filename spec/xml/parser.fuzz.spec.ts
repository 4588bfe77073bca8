import assert from "node:assert/strict";
import { ParseOption, XmlDocument, XmlElement, XmlParseError, type XmlTreeNode } from "libxml2-wasm";
import { type Element, openingTag } from "../../src/xml/element.js";
import { parseElement } from "../../src/xml/parse.js";
import { Dice, Grammar } from "./grammar.js";
import { childrenOf, outcome, type Reading, read, singly, type Tree, treeOf } from "./reading.js";

const SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32));
const ROUNDS = Number(process.env.FUZZ_ROUNDS ?? 10_000);

describe(`The parser, fed what FUZZ_SEED=${SEED} makes`, function () {
  this.timeout(0);

  it("reads streams without mistakes to their end", () => {
    for (let round = 0; round < ROUNDS / 4; round++) {
      const stream = new Grammar(new Dice(SEED + round)).stream();
      const why = shown(SEED + round, stream);
      const reading = read(singly(stream));
      assert.equal(reading.condition, undefined, why);
      compareWithStrict(reading, stream, why);
    }
  });

  it("reads what a strict parser reads, however the bytes are cut, and refuses the rest", () => {
    for (let round = 0; round < ROUNDS; round++) {
      const seed = SEED + round;
      const grammar = new Grammar(new Dice(seed));
      check(grammar.spoil(grammar.stream()), grammar, seed);
    }
  });

  it("reads what once was read wrongly", () => {
    const grammar = new Grammar(new Dice(1));
    for (const input of REGRESSIONS)
      for (let again = 0; again < 5; again++) check(Buffer.from(input), grammar, 0);
  });
});

const START =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:h='urn:h'>";

/** Inputs that showed a fault. */
const REGRESSIONS = [
  `${START}<message>&constructor;</message>`,
  `${START}<message>&__proto__;</message>`,
  `${START}<message></iq>`,
  `${START}<message/>&#32;<message/>`,
  `${START}<message/><![CDATA[ ]]><message/>`,
  `\ufeff${START}<message/>`,
  `${START}<message h:-1=''/><h:1/>`,
  `${START.replace(">", "/>")}</stream:stream>`,
  `${START}<message/>>&></a>`,
];

function check(bytes: Buffer, grammar: Grammar, seed: number): void {
  const why = shown(seed, bytes);
  const limits = grammar.limits();
  const whole = read([bytes], limits);
  const slow = read(singly(bytes), limits);
  assert.deepEqual(outcome(slow), outcome(whole), `in single bytes: ${why}`);
  assert.deepEqual(outcome(read(grammar.cut(bytes), limits)), outcome(whole), `in chunks: ${why}`);
  compareWithStrict(slow, bytes, why);
  const outside = whole.header?.attrs.xmlns ?? "";
  for (const [at, inner] of whole.inners.entries()) {
    if (inner === undefined) continue;
    const children = childrenOf(whole.elements[at], outside);
    assert.deepEqual(reread(whole.elements[at], inner, outside), children, why);
  }
}

/** What was handed over, read byte by byte, against what libxml2 reads in the bytes up to the last of it. */
function compareWithStrict({ header, elements, closed, at }: Reading, bytes: Buffer, why: string): void {
  if (!header || (elements.length === 0 && !closed)) return;
  const upTo = bytes.subarray(0, at);
  const text = closed ? upTo : Buffer.concat([upTo, Buffer.from(`</${header.name}>`)]);
  const strict = readStrictly(text, why);
  if (!strict) return;
  const read = elements.map((element) => treeOf(element, header.attrs.xmlns ?? ""));
  assert.deepEqual(withoutMarks(read), withoutMarks(strict), why);
}

/** The binding of libxml2 loses a byte order mark at the start of a text; parser.spec.ts looks at those. */
function withoutMarks(trees: Tree[]): unknown {
  return JSON.parse(JSON.stringify(trees).replaceAll("\ufeff", ""));
}

/** What libxml2 thinks of namespaces that are no URI, which is no matter of well-formedness. */
const ABOUT_URIS = /is not a valid URI|is not absolute/;

/** Undefined where libxml2 only complains about namespaces that are no URI. */
function readStrictly(bytes: Buffer, why: string): Tree[] | undefined {
  let document: XmlDocument;
  try {
    document = XmlDocument.fromBuffer(bytes, { option: ParseOption.XML_PARSE_NONET });
  } catch (error) {
    if (error instanceof XmlParseError && error.details.every(({ message }) => ABOUT_URIS.test(message)))
      return;
    assert.fail(`handed over what is not well-formed: ${(error as Error).message.trim()}: ${why}`);
  }
  const children = strictChildren(document.root).filter((child) => typeof child !== "string");
  document.dispose();
  return children;
}

function strictChildren(element: XmlElement): (Tree | string)[] {
  const children: (Tree | string)[] = [];
  for (let child: XmlTreeNode | null = element.firstChild; child; child = child.next) {
    if (child instanceof XmlElement) children.push(strictTree(child));
    else if (child.content !== "") {
      const before = children.at(-1);
      if (typeof before === "string") children[children.length - 1] = before + child.content;
      else children.push(child.content);
    }
  }
  return children;
}

function strictTree(element: XmlElement): Tree {
  return {
    name: `{${element.namespaceUri}}${element.name}`,
    attributes: element.attrs.map((one) => `{${one.namespaceUri}}${one.name}=${one.value}`).sort(),
    children: strictChildren(element),
  };
}

/** The children that an element has when its inner text is written again into its own tags. */
function reread({ attrs }: Element, inner: string, outside: string): (Tree | string)[] {
  const own = Object.fromEntries(Object.entries(attrs).filter(([name]) => /^xmlns(:|$)/.test(name)));
  const around = openingTag("outside", { xmlns: outside });
  const text = `${around}>${openingTag("again", own)}>${inner}</again></outside>`;
  return childrenOf(parseElement(text).getChildElements()[0], outside);
}

function shown(seed: number, bytes: Buffer): string {
  return `FUZZ_SEED=${seed} FUZZ_ROUNDS=1: ${JSON.stringify(bytes.toString("latin1"))}`;
}
