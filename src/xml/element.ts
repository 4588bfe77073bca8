/**
 * The only importer of `@xmpp/xml` and `ltx`: elements and how they become text.
 *
 * Conventions: a stanza's root element carries `xmlns="jabber:client"` in `attrs` (also on s2s and component streams,
 * where the parser translates); every element's namespace is found by `getNS()`. The serialiser leaves out an `xmlns`
 * that the surrounding text already has.
 */
import * as xmppXml from "@xmpp/xml";

export type Node = Element | string;
export type Attrs = Record<string, string>;
/** What `xml()` takes as attributes: undefined and null values are left out. */
export type AttrsInput = Record<string, string | number | boolean | undefined | null>;

/** An XML element of `ltx`: what of it Sluice and its plugins use. `name` has its prefix, if any. */
export interface Element {
  name: string;
  attrs: Attrs;
  children: Node[];
  parent: Element | null;
  /** Local name and, if given, namespace are these. */
  is(name: string, xmlns?: string): boolean;
  getName(): string;
  /** The namespace, looked up through the parents. */
  getNS(): string | undefined;
  findNS(prefix?: string): string | undefined;
  getChild(name: string, xmlns?: string): Element | undefined;
  getChildren(name: string, xmlns?: string): Element[];
  getChildElements(): Element[];
  getChildText(name: string, xmlns?: string): string | null;
  /** The text directly inside, without that of child elements. */
  getText(): string;
  append(...nodes: Node[]): void;
  prepend(...nodes: Node[]): void;
  remove(child: Element | string, xmlns?: string): Element;
}

export const Element = xmppXml.Element as new (name: string, attrs?: Attrs) => Element;

/** Builds an element: `xml("query", { xmlns: "jabber:iq:roster" }, child, "text")`. Undefined attributes and children are left out. */
export function xml(
  name: string,
  attrs?: AttrsInput | null,
  ...children: (Node | undefined | null)[]
): Element {
  const clean: Attrs = {};
  for (const key in attrs) {
    const value = attrs[key];
    if (value !== undefined && value !== null) clean[key] = String(value);
  }
  return xmppXml.xml(name, clean, ...children.filter((c) => c !== undefined && c !== null));
}

export function isElement(node: Node | undefined): node is Element {
  return typeof node === "object";
}

/** The first child element, whatever its name. */
export function firstChild(element: Element): Element | undefined {
  for (const child of element.children) if (typeof child !== "string") return child;
  return undefined;
}

const UNSAFE_TEXT = /[&<>\r]/;
const UNSAFE_ATTR = /[&<>"'\t\n\r]/;
const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  // Written literally these would come back as spaces or line feeds: XML 1.0 §2.11, §3.3.3.
  "\t": "&#x9;",
  "\n": "&#xA;",
  "\r": "&#xD;",
};

/** XML 1.0 §4.6. Not the tokenizer's own table, which also has what every object has: `&constructor;`. */
export const ENTITIES: Record<string, string> = Object.assign(Object.create(null), {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
});

export function escapeText(text: string): string {
  return UNSAFE_TEXT.test(text) ? text.replace(/[&<>\r]/g, (c) => ESCAPES[c]) : text;
}

export function escapeAttribute(text: string): string {
  return UNSAFE_ATTR.test(text) ? text.replace(/[&<>"'\t\n\r]/g, (c) => ESCAPES[c]) : text;
}

/**
 * An element as text.
 * @param inherited the default namespace of the place where the text will stand; an equal `xmlns` is left out.
 */
export function serialize(element: Element, inherited?: string): string {
  const head = openingTag(element.name, element.attrs, inherited);
  if (element.children.length === 0) return `${head}/>`;
  return `${head}>${serializeChildren(element, element.attrs.xmlns ?? inherited)}</${element.name}>`;
}

/** `<name a="b"` without its end, so that the caller closes it. */
export function openingTag(name: string, attrs: Attrs, inherited?: string): string {
  let text = `<${name}`;
  for (const key in attrs) {
    const value = attrs[key];
    if (value === undefined || value === null || (key === "xmlns" && value === inherited)) continue;
    text += ` ${key}="${escapeAttribute(String(value))}"`;
  }
  return text;
}

/** What stands between an element's tags. `inherited` is the default namespace inside the element. */
export function serializeChildren(element: Element, inherited?: string): string {
  let text = "";
  for (const child of element.children) {
    text += typeof child === "object" ? serialize(child, inherited) : escapeText(String(child));
  }
  return text;
}
