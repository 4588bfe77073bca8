import { isAscii, isUtf8 } from "node:buffer";

import { StreamError } from "../xmpp/errors.js";
import { type Attrs, Element, ENTITIES, openingTag } from "./element.js";
import { ownText } from "./own-copy.js";
import { type SaxesAttributeNS, type SaxesTagNS, Tokenizer } from "./tokenizer.js";

/** Caps that hold before anything is built. */
export interface ParserLimits {
  /** Bytes of one first-level element, and of the stream header. */
  maxBytes: number;
  /** Levels of nesting inside the stream element. */
  maxDepth: number;
  /** Attributes of one element. */
  maxAttributes: number;
}

export interface ParserHandler {
  /** The stream header: an element without children, its namespace declarations among its attributes. */
  onHeader(header: Element): void;
  /**
   * A whole first-level element.
   * @param inner the text between its tags as it was read, where that is known; it can be written again as it stands.
   */
  onElement(element: Element, inner: string | undefined): void;
  /** `</stream:stream>` */
  onFooter(): void;
}

/** What the tokenizer says of a closing tag with another name than the opening one. */
const MISMATCH = /^unexpected close tag/;
const WHITESPACE = /^[ \t\r\n]*$/;
const NO_SPACE = /[^ \t\r\n]/;
/** A reference, whole or cut short. */
const REFERENCE = /^&[^;]*;?$/;
/** What may stand between & and ; as far as it was read. */
const REFERENCE_START = /^(#(x[\da-f]*|\d*)|[\w.:\-\u0080-\uffff]*)$/i;
/** Characters of a name that may not be its first: XML 1.0 §2.3. */
const NO_START = /^([-.\d\u00b7]|[\u0300-\u036f]|[\u203f\u2040])/;
const BYTE_ORDER_MARK = 0xfeff;

/**
 * Strict streaming reader of one XML stream: XML 1.0 with namespaces, less what RFC 6120 §11.1 forbids.
 *
 * `write` throws a StreamError and the parser is dead afterwards: `not-well-formed` for what is no XML,
 * `restricted-xml` for what XMPP forbids, `bad-format` for text between stanzas, `unsupported-encoding` for what is no
 * UTF-8, `policy-violation` for what is over a cap. What is handed over, and what is thrown, does not depend on how the
 * bytes are cut into chunks.
 */
export class StreamParser {
  readonly #sax = new Tokenizer();
  /** Who is told; another one may take over between two stanzas. */
  handler: ParserHandler;
  /** The opening tag of the stream, as far as it matters to what follows; a text of its own. */
  #header = "";
  #continues = false;
  /** Bytes of a character that the last chunk cut in two; at most three. */
  #tail: Buffer | undefined;
  /** The last chunk was UTF-8 only up to some byte; what came before is read first. */
  #garbled = false;
  /** Prefixes declared on the stream header, for stanzas that lean on them. */
  #outer: Attrs = {};
  /** Those that the element just opened and its attributes have, where they have any. */
  #prefixes: string[] | undefined;
  #depth = 0;
  #current: Element | undefined;
  #attributes = 0;
  /** Bytes read of the first-level element under way; of the header with what stands before it. */
  #pending = 0;
  /** Nothing but white space was read since the last first-level element. */
  #clean = false;
  #closed = false;
  /** `#chunk` begins between two first-level elements. */
  #between = false;
  /** The start of a reference that stands between two first-level elements, where it is not allowed. */
  #reference = "";
  /** Offset in `#chunk` at which the last first-level element ended, -1 when none did. */
  #boundary = 0;
  #chunk = "";
  /** Where `#chunk` starts, in the tokenizer's own count. */
  #chunkStart = 0;
  #carry = false;
  /** Where the content of the first-level element starts in `#chunk`, -1 when it started in an earlier one. */
  #contentStart = -1;
  /**
   * A whole first-level element, not yet handed over: the tokenizer tells of a closing tag before it has compared its
   * name with the opening one's, so that what is closed counts only when the next thing was read without complaint.
   */
  #whole: { element: Element | undefined; inner: string | undefined } | undefined;

  /** @param header of a stream that another parser has begun, from its `rest()`: it is not told again. */
  constructor(
    handler: ParserHandler,
    readonly limits: ParserLimits,
    header?: string,
  ) {
    this.handler = handler;
    const sax = this.#sax;
    sax.ENTITIES = ENTITIES;
    sax.on("error", (error) => {
      if (MISMATCH.test(error.message)) this.#whole = undefined;
      else this.#handOver();
      // Text that stands before the mistake was the first mistake.
      this.#refuseText(this.#leftBetween(sax.position - this.#chunkStart));
      throw malformed(error);
    });
    sax.on("xmldecl", (declaration) => checkDeclaration(declaration));
    for (const event of ["doctype", "comment", "processinginstruction"] as const) {
      sax.on(event, () => {
        this.#handOver();
        restricted();
      });
    }
    sax.on("opentagstart", () => {
      this.#handOver();
      this.#attributes = 0;
      if (this.#depth > this.limits.maxDepth) throw tooMuch("elements nested deeper than allowed");
    });
    sax.on("attribute", (attribute) => this.#onAttribute(attribute));
    sax.on("opentag", (tag) => this.#onOpen(tag));
    sax.on("closetag", (tag) => this.#onClose(tag));
    sax.on("text", (text) => this.#onText(text));
    sax.on("cdata", (text) => {
      this.#handOver();
      if (this.#depth < 2) throw this.#misplaced();
      if (text !== "") this.#onText(text);
    });
    if (header !== undefined) {
      this.#continues = true;
      this.write(Buffer.from(header));
    }
  }

  /**
   * What a parser that goes on with the stream has to know: between two stanzas this one may serve other streams of
   * which it would say the same. Undefined while something is under way.
   */
  rest(): string | undefined {
    const idle = this.#depth === 1 && this.#clean && !this.#tail && !this.#carry && !this.#garbled;
    return idle && !this.#closed ? this.#header : undefined;
  }

  /** @throws StreamError, see the class. */
  write(bytes: Buffer): void {
    let rest = bytes;
    while (rest.length > 0) {
      // A slice never exceeds what the element under way may still take: whoever is still open after it is too large.
      const room = this.limits.maxBytes - this.#pending;
      const part = rest.length > room ? rest.subarray(0, room) : rest;
      rest = rest.subarray(part.length);
      this.#feed(part);
      if (this.#pending >= this.limits.maxBytes) throw tooMuch("stanza larger than allowed");
    }
  }

  #feed(bytes: Buffer): void {
    const text = this.#decode(bytes);
    if (text === "") this.#pending += bytes.length;
    // Keep-alives between stanzas (RFC 6120 §4.6.1) never reach the tokenizer, which would collect them.
    else if (this.#clean && WHITESPACE.test(text)) this.#pending = this.#tail?.length ?? 0;
    else this.#tokenize(text, bytes.length);
    // RFC 6120 §4.9.3.22
    if (this.#garbled) throw new StreamError("unsupported-encoding", "the stream is not valid UTF-8");
  }

  #tokenize(text: string, bytes: number): void {
    this.#between = this.#clean || this.#reference !== "";
    this.#clean = false;
    // The tokenizer keeps a carriage return at the end of a text back until it sees what follows.
    this.#chunk = this.#carry ? `\r${text}` : text;
    // RFC 6120 §11.6: it is a character like others, and none may stand before the header.
    if (this.#chunkStart === 0 && text.charCodeAt(0) === BYTE_ORDER_MARK) throw malformed();
    this.#contentStart = -1;
    this.#boundary = -1;
    this.#sax.write(text);
    this.#handOver();
    this.#refuseAmpersand();
    this.#carry = text.endsWith("\r");
    this.#chunkStart += this.#chunk.length - (this.#carry ? 1 : 0);
    const left = this.#leftBetween();
    if (left === undefined) {
      this.#pending += bytes;
    } else {
      const start = left.search(NO_SPACE);
      this.#clean = start < 0 && this.#reference === "";
      const counted = start < 0 ? 0 : Buffer.byteLength(start === 0 ? left : left.slice(start));
      this.#pending = (this.#tail?.length ?? 0) + counted + Buffer.byteLength(this.#reference);
      this.#refuseText(left);
    }
    this.#chunk = "";
  }

  /** The tokenizer looks at a reference when its semicolon comes, which may be never. */
  #refuseAmpersand(): void {
    // Its own field, kept private in the types only; the release is pinned.
    const { entity } = this.#sax as unknown as { entity: string };
    if (entity === "" || REFERENCE_START.test(entity)) return;
    this.#refuseText(this.#leftBetween());
    throw malformed();
  }

  /** What `#chunk` has, up to `end`, since the last first-level element; undefined when that began in an earlier chunk. */
  #leftBetween(end?: number): string | undefined {
    if (this.#boundary >= 0) return this.#chunk.slice(this.#boundary, end);
    return this.#between ? this.#chunk.slice(0, end) : undefined;
  }

  /** The tokenizer keeps text to itself until a tag follows; between stanzas that may be never. */
  #refuseText(left: string | undefined): void {
    if (left === undefined || this.#depth !== 1 || this.#current) return;
    const gap =
      this.#reference === "" ? left.slice(Math.max(left.search(NO_SPACE), 0)) : this.#reference + left;
    if (gap.startsWith("<") || WHITESPACE.test(gap)) return;
    // A reference is text too, unless it turns out to be something worse.
    if (!REFERENCE.test(gap)) throw textBetween();
    this.#reference = gap;
  }

  /** A character cut in two waits for its other half. */
  #decode(bytes: Buffer): string {
    let all = bytes;
    if (this.#tail) {
      all = Buffer.concat([this.#tail, bytes]);
      this.#tail = undefined;
    } else if (isAscii(bytes)) {
      return bytes.toString("latin1");
    }
    const cut = all.length - incompleteTail(all);
    if (cut < all.length) {
      this.#tail = Buffer.from(all.subarray(cut));
      all = all.subarray(0, cut);
    }
    if (isUtf8(all)) return all.toString("utf8");
    this.#garbled = true;
    return validPart(all);
  }

  #onAttribute(attribute: { name: string }): void {
    this.#attributes += 1;
    if (this.#attributes > this.limits.maxAttributes)
      throw tooMuch(`too many attributes at ${attribute.name}`);
  }

  #onOpen(tag: SaxesTagNS): void {
    if (this.#closed) throw malformed();
    const element = this.#build(tag);
    if (this.#depth === 0) {
      this.#depth = 1;
      this.#keepOuter(element.attrs);
      this.#boundary = this.#sax.position - this.#chunkStart;
      this.#header = ownText(`${openingTag(element.name, namespacesOf(element.attrs))}>`);
      if (!this.#continues) this.handler.onHeader(element);
      return;
    }
    if (this.#depth === 1) this.#contentStart = this.#sax.position - this.#chunkStart;
    else {
      element.parent = this.#current as Element;
      element.parent.children.push(element);
    }
    this.#current = element;
    this.#depth += 1;
    if (this.#prefixes) for (const prefix of this.#prefixes) this.#declare(prefix, element);
  }

  #onClose(tag: SaxesTagNS): void {
    this.#handOver();
    this.#depth -= 1;
    if (this.#depth > 1) {
      this.#current = (this.#current as Element).parent as Element;
      return;
    }
    this.#boundary = this.#sax.position - this.#chunkStart;
    if (this.#depth === 0) {
      this.#closed = true;
      this.#whole = { element: undefined, inner: undefined };
      return;
    }
    this.#whole = { element: this.#current, inner: this.#sourceOf(tag) };
    this.#current = undefined;
  }

  #handOver(): void {
    const whole = this.#whole;
    if (!whole) return;
    this.#whole = undefined;
    if (whole.element) this.handler.onElement(whole.element, whole.inner);
    else this.handler.onFooter();
  }

  #sourceOf(tag: SaxesTagNS): string | undefined {
    if (tag.isSelfClosing) return "";
    if (this.#contentStart < 0) return undefined;
    const end = this.#chunk.lastIndexOf("</", this.#boundary - 3);
    const inner = this.#chunk.slice(this.#contentStart, end);
    // XML 1.0 §2.11: a literal carriage return is read as a line feed, and is to be written as one.
    return inner.includes("\r") ? undefined : inner;
  }

  #onText(text: string): void {
    this.#handOver();
    if (this.#depth > 1) {
      const { children } = this.#current as Element;
      const last = children.length - 1;
      // An entity or CDATA section in a text makes several events of one text.
      if (last >= 0 && typeof children[last] === "string") children[last] += text;
      else children.push(text);
    } else {
      // RFC 6120 §4.9.3.1: only stanzas and white space, literally, stand on the first level.
      if (!WHITESPACE.test(text)) throw this.#misplaced();
      this.#refuseText(this.#leftBetween(this.#sax.position - this.#chunkStart));
    }
  }

  #misplaced(): StreamError {
    return this.#depth === 1 ? textBetween() : malformed();
  }

  #build(tag: SaxesTagNS): Element {
    if (tag.prefix !== "") checkLocalName(tag.local);
    let prefixes = isDeclaredPrefix(tag.prefix) ? [tag.prefix] : undefined;
    const element = new Element(tag.name);
    const { attrs } = element;
    for (const name in tag.attributes) {
      const { value, prefix, local } = tag.attributes[name] as SaxesAttributeNS;
      if (prefix !== "") {
        checkLocalName(local);
        if (isDeclaredPrefix(prefix)) {
          prefixes ??= [];
          prefixes.push(prefix);
        }
      }
      if (name === "__proto__") Object.defineProperty(attrs, name, { value, enumerable: true });
      else attrs[name] = value;
    }
    this.#prefixes = prefixes;
    return element;
  }

  #keepOuter(attrs: Attrs): void {
    this.#outer = {};
    for (const name in attrs) if (name.startsWith("xmlns:")) this.#outer[name] = attrs[name];
  }

  /** A stanza that leans on a prefix of the stream header takes the declaration along wherever it goes. */
  #declare(prefix: string, element: Element): void {
    const key = `xmlns:${prefix}`;
    let root = element;
    for (;;) {
      if (root.attrs[key] !== undefined) return;
      if (!root.parent) break;
      root = root.parent;
    }
    const uri = this.#outer[key];
    if (uri !== undefined) root.attrs[key] = uri;
  }
}

/** Somebody has to have declared it: Namespaces in XML 1.0 §3. */
function isDeclaredPrefix(prefix: string): boolean {
  return prefix !== "" && prefix !== "xml" && prefix !== "xmlns";
}

function namespacesOf(attrs: Attrs): Attrs {
  const found: Attrs = {};
  for (const name in attrs) if (name === "xmlns" || name.startsWith("xmlns:")) found[name] = attrs[name];
  return found;
}

/** How many bytes at the end belong to a character that is not whole. */
function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

/** The text up to the first byte that is not UTF-8. */
function validPart(bytes: Buffer): string {
  const replaced = Buffer.from(bytes.toString("utf8"));
  const start = bytes.findIndex((byte, at) => byte !== replaced[at]);
  const same = bytes.subarray(0, start);
  return same.toString("utf8", 0, same.length - incompleteTail(same));
}

/** Namespaces in XML 1.0 §4: what follows the colon is a name of its own; the tokenizer does not look. */
function checkLocalName(local: string): void {
  if (NO_START.test(local)) throw malformed();
}

function restricted(): never {
  // RFC 6120 §11.1
  throw new StreamError("restricted-xml", "comments, processing instructions and DTDs are not allowed");
}

function textBetween(): StreamError {
  return new StreamError("bad-format", "text between stanzas");
}

function tooMuch(text: string): StreamError {
  return new StreamError("policy-violation", text);
}

function malformed(error?: Error): StreamError {
  const text = error?.message;
  // RFC 6120 §4.9.3.18, §11.1: a reference to an entity that XML does not define is restricted XML.
  if (text?.startsWith("undefined entity")) return new StreamError("restricted-xml", "undefined entity");
  return new StreamError("not-well-formed", text);
}

function checkDeclaration(declaration: { version?: string; encoding?: string }): void {
  if (declaration.version !== "1.0") throw new StreamError("not-well-formed", "XML 1.0 expected");
  // RFC 6120 §11.6
  if (declaration.encoding && declaration.encoding.toLowerCase() !== "utf-8") {
    throw new StreamError("unsupported-encoding");
  }
}
