import { StreamError } from "../xmpp/errors.js";
import type { Element } from "./element.js";
import { StreamParser } from "./parser.js";

/**
 * One element from text that the server wrote itself (stored stanzas, private XML).
 * @param limits caps as for streams.
 * @throws StreamError when the text is not exactly one well-formed element.
 */
export function parseElement(
  text: string,
  limits = { maxBytes: 16 * 1024 * 1024, maxDepth: 1024, maxAttributes: 1024 },
): Element {
  const found: Element[] = [];
  const parser = new StreamParser(
    { onHeader: () => undefined, onElement: (element) => found.push(element), onFooter: () => undefined },
    limits,
  );
  parser.write(Buffer.from(`<x>${text}</x>`));
  if (found.length !== 1) throw new StreamError("not-well-formed", "one element expected");
  return found[0];
}
