import type { Element } from "../xml/element.js";

/**
 * One feature of stream negotiation on streams of the kind S, RFC 6120 §4.3. The table of them, in the order offered, is `c2s.ts`.
 */
export interface Feature<S> {
  readonly name: string;
  /** What to offer in the stream's present state; undefined: nothing. */
  offer(stream: S): Element | Element[] | undefined;
  /** The client chose it (or goes on with it), in a state that allows it. Undefined: it only announces something. */
  readonly accepts?: (element: Element, stream: S) => boolean;
  /** The next element is read when this has settled. */
  readonly negotiate?: (element: Element, stream: S) => undefined | Promise<void>;
}
