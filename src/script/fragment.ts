import type { Element } from "../xml/element.js";
import { StreamParser } from "../xml/parser.js";
import { StreamError } from "../xmpp/errors.js";
import { StepError } from "./failure.js";

export const NS_STREAM = "http://etherx.jabber.org/streams";
export const NS_SCANSION = "https://matthewwild.co.uk/xmlns/scansion";

/** The server's word is read with room to spare; what it may send is for scripts to judge. */
export const LIMITS = { maxBytes: 64 * 1024 * 1024, maxDepth: 4096, maxAttributes: 4096 };

const HEADER = `<s xmlns="jabber:client" xmlns:stream="${NS_STREAM}" xmlns:scansion="${NS_SCANSION}">`;

/**
 * The elements of a block in a script. The prefixes `stream` and `scansion` need no declaration there.
 * @throws StepError for what is not well-formed.
 */
export function parseFragment(text: string): Element[] {
  const found: Element[] = [];
  const parser = new StreamParser(
    { onHeader: () => undefined, onElement: (element) => found.push(element), onFooter: () => undefined },
    LIMITS,
  );
  try {
    parser.write(Buffer.from(`${HEADER}${text}</s>`));
  } catch (cause) {
    if (!(cause instanceof StreamError)) throw cause;
    throw new StepError(`the XML in the script is wrong: ${cause.message}`, { cause });
  }
  return found;
}
