import type { Element } from "../xml/element.js";
import type { ClientStream } from "./client-stream.js";

/**
 * One feature of stream negotiation, RFC 6120 §4.3. The table of them, in the order offered, is `c2s.ts`.
 */
export interface Feature {
  readonly name: string;
  /** What to offer in the stream's present state; undefined: nothing. */
  offer(stream: ClientStream): Element | Element[] | undefined;
  /** The client chose it (or goes on with it), in a state that allows it. Undefined: it only announces something. */
  readonly accepts?: (element: Element, stream: ClientStream) => boolean;
  /** The next element is read when this has settled. */
  readonly negotiate?: (element: Element, stream: ClientStream) => undefined | Promise<void>;
}
