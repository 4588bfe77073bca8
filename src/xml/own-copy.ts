import { type Attrs, Element, type Node } from "./element.js";

/**
 * V8 makes a slice of a long string refer to the whole of it, and all that a parser reads is slices of the chunk that it
 * was read from. What is kept for long is kept as copies, lest each of them hold on to a whole chunk of input.
 */
export function ownText(text: string): string {
  return Buffer.from(text).toString();
}

export function ownAttrs(attrs: Readonly<Attrs>): Attrs {
  return Object.fromEntries(Object.entries(attrs).map(([name, value]) => [ownText(name), ownText(value)]));
}

/** Copies with all that is in them. */
export function ownNodes(nodes: readonly Node[], parent: Element): Node[] {
  return nodes.map((node) => (typeof node === "object" ? ownElement(node, parent) : ownText(node)));
}

function ownElement(element: Element, parent: Element): Element {
  const copy = new Element(ownText(element.name));
  copy.attrs = ownAttrs(element.attrs);
  copy.parent = parent;
  copy.children = ownNodes(element.children, copy);
  return copy;
}
