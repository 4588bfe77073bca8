/** Reads streams for the specs and shows what was read as plain data. */
import { type Element, isElement } from "../../src/xml/element.js";
import { type ParserLimits, StreamParser } from "../../src/xml/parser.js";
import { StreamError } from "../../src/xmpp/errors.js";

export const LIMITS: ParserLimits = { maxBytes: 64 * 1024, maxDepth: 20, maxAttributes: 20 };

export const HEADER =
  "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' xmlns:h='urn:header' version='1.0'>";

export interface Reading {
  header: Element | undefined;
  elements: Element[];
  /** For each element the text between its tags, where the parser knew it. */
  inners: (string | undefined)[];
  /** For each element how many chunks were needed. */
  at: number[];
  closed: boolean;
  condition: string | undefined;
}

/** Feeds a parser chunk by chunk, to the first error. Any other error than a StreamError is passed on. */
export function read(chunks: Iterable<Buffer | string>, limits = LIMITS): Reading {
  const reading: Reading = {
    header: undefined,
    elements: [],
    inners: [],
    at: [],
    closed: false,
    condition: undefined,
  };
  let count = 0;
  const parser = new StreamParser(
    {
      onHeader: (header) => {
        reading.header = header;
      },
      onElement: (element, inner) => {
        reading.elements.push(element);
        reading.inners.push(inner);
        reading.at.push(count);
      },
      onFooter: () => {
        reading.closed = true;
      },
    },
    limits,
  );
  try {
    for (const chunk of chunks) {
      count += 1;
      parser.write(Buffer.from(chunk));
    }
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    reading.condition = error.condition;
  }
  return reading;
}

/** What follows a header, in one chunk. */
export function readAfterHeader(text: string | Buffer, limits = LIMITS): Reading {
  return read([HEADER, Buffer.from(text)], limits);
}

/** The bytes one by one. */
export function* singly(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at++) yield bytes.subarray(at, at + 1);
}

/** An element as plain data: names with their namespaces, declarations left out. */
export interface Tree {
  name: string;
  attributes: string[];
  children: (Tree | string)[];
}

/** @param outside the default namespace around the element. */
export function treeOf(element: Element, outside = "jabber:client"): Tree {
  return {
    name: `{${element.getNS() ?? outside}}${element.getName()}`,
    attributes: attributesOf(element),
    children: childrenOf(element, outside),
  };
}

export function childrenOf(element: Element, outside = "jabber:client"): (Tree | string)[] {
  return element.children.map((child) => (isElement(child) ? treeOf(child, outside) : child));
}

function attributesOf(element: Element): string[] {
  const shown: string[] = [];
  for (const name in element.attrs) {
    if (name === "xmlns" || name.startsWith("xmlns:")) continue;
    const [prefix, local] = name.includes(":") ? name.split(":") : ["", name];
    const namespace = prefix === "xml" ? "http://www.w3.org/XML/1998/namespace" : element.findNS(prefix);
    shown.push(`{${prefix === "" ? "" : namespace}}${local}=${element.attrs[name]}`);
  }
  return shown.sort();
}

/** All that is to be independent of how the bytes were cut into chunks. */
export function outcome({ header, elements, closed, condition }: Reading): unknown {
  return {
    header: header && { name: header.name, attrs: { ...header.attrs } },
    trees: elements.map((element) => treeOf(element)),
    closed,
    condition,
  };
}
