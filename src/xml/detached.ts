import { type Attrs, Element } from "./element.js";

/**
 * An element that stands alone: the same name, attributes and children, and every namespace that its ancestors declare
 * for it. To be used before an element is kept as text, which else may lean on a prefix that is declared around it.
 */
export function detached(element: Element): Element {
  const declared: Attrs = {};
  for (let around = element.parent; around; around = around.parent) {
    for (const name in around.attrs) {
      if (name === "xmlns" || name.startsWith("xmlns:")) declared[name] ??= around.attrs[name];
    }
  }
  const alone = new Element(element.name, { ...declared, ...element.attrs });
  alone.children = element.children;
  return alone;
}
