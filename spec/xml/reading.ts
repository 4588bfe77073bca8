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
  /** How many chunks were needed for the last of all that was handed over. */
  at: number;
  closed: boolean;
  condition: string | undefined;
}

/** Feeds a parser chunk by chunk, to the first error. Any other error than a StreamError is passed on. */
export function read(chunks: Iterable<Buffer | string>, limits = LIMITS): Reading {
  const reading: Reading = {
    header: undefined,
    elements: [],
    inners: [],
    at: 0,
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
        reading.at = count;
      },
      onFooter: () => {
        reading.closed = true;
        reading.at = count;
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

/** @param outside the default namespace around the stanza. */
export function treeOf(element: Element, outside = "jabber:client"): Tree {
  const [prefix, local] = split(element.name);
  return {
    name: `{${namespaceOf(element, prefix) ?? outside}}${local}`,
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
    const [prefix, local] = split(name);
    if (name === "xmlns" || prefix === "xmlns") continue;
    const namespace = prefix === "" ? "" : namespaceOf(element, prefix);
    shown.push(`{${namespace}}${local}=${element.attrs[name]}`);
  }
  return shown.sort();
}

function split(name: string): [prefix: string, local: string] {
  const colon = name.indexOf(":");
  return colon < 0 ? ["", name] : [name.slice(0, colon), name.slice(colon + 1)];
}

/** Not by the element's own `findNS`, which takes `xmlns=""` for no declaration. */
function namespaceOf(element: Element, prefix: string): string | undefined {
  if (prefix === "xml") return "http://www.w3.org/XML/1998/namespace";
  const key = prefix === "" ? "xmlns" : `xmlns:${prefix}`;
  for (let around: Element | null = element; around; around = around.parent) {
    if (around.attrs[key] !== undefined) return around.attrs[key];
  }
  return undefined;
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
