import { StreamError } from "../xmpp/errors.js";
import type { Element } from "./element.js";
import { type ParserHandler, type ParserLimits, StreamParser } from "./parser.js";

const LESS_THAN = 0x3c;
const QUESTION_MARK = 0x3f;
const EXCLAMATION_MARK = 0x21;
/** XML 1.0 §2.8, as far as a frame may have one. */
const DECLARATION =
  /^<\?xml\s+version\s*=\s*(['"])1\.0\1(?:\s+encoding\s*=\s*(['"])([\w.-]+)\2)?[^?>]*\?>\s*/;
const DECLARATION_MAX = 200;
const DOCTYPE = "<!DOCTYPE";

/**
 * Strict reader of XML documents of one element each, such as WebSocket messages have (RFC 7395 §3.3.3). It reads them
 * all with one tokenizer, as the children of an element that is never closed and that declares nothing.
 */
export class FrameParser implements ParserHandler {
  /** Of the last element read: the text between its tags as it was read, where that is known. */
  inner: string | undefined;
  #element: Element | undefined;
  #several = false;
  readonly #parser: StreamParser;

  constructor(limits: ParserLimits) {
    this.#parser = new StreamParser(this, limits, "<frames>");
  }

  /** @throws StreamError as StreamParser does; the parser is dead afterwards. */
  read(bytes: Buffer): Element {
    if (bytes[0] !== LESS_THAN) throw notOne();
    this.#element = undefined;
    this.#several = false;
    const rest = bytes[1] === QUESTION_MARK ? withoutDeclaration(bytes) : bytes;
    // It is well-formed where a document begins, which for the tokenizer is not here.
    if (rest[1] === EXCLAMATION_MARK && rest.toString("latin1", 0, DOCTYPE.length) === DOCTYPE)
      throw new StreamError("restricted-xml", "no DTDs");
    this.#parser.write(trimmed(rest));
    // What the next frame would go on with was not whole.
    if (this.#element === undefined || this.#several || this.#parser.rest() === undefined) throw notOne();
    return this.#element;
  }

  onHeader(): void {
    throw notOne();
  }

  onElement(element: Element, inner: string | undefined): void {
    this.#several = this.#element !== undefined;
    this.#element = element;
    this.inner = inner;
  }

  onFooter(): void {
    throw notOne();
  }
}

function notOne(): StreamError {
  return new StreamError("not-well-formed", "each message must be exactly one element");
}

function withoutDeclaration(bytes: Buffer): Buffer {
  const found = DECLARATION.exec(bytes.toString("latin1", 0, DECLARATION_MAX));
  if (!found) throw new StreamError("restricted-xml", "processing instructions are not allowed");
  // RFC 6120 §11.6
  if (found[3] !== undefined && found[3].toLowerCase() !== "utf-8")
    throw new StreamError("unsupported-encoding");
  return bytes.subarray(found[0].length);
}

/** Without white space at the end, which says nothing. */
function trimmed(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && isSpace(bytes[end - 1])) end -= 1;
  return end === bytes.length ? bytes : bytes.subarray(0, end);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d && byte !== 0x0b && byte !== 0x0c);
}
