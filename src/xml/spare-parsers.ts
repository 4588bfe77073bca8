import { FrameParser } from "./frame.js";
import { type ParserHandler, type ParserLimits, StreamParser } from "./parser.js";

/** Different stream headers for which a parser is kept; the one that was not used for longest goes first. */
const HEADERS_MAX = 32;

/**
 * Parsers that are between two stanzas. A parser is made of many parts, and nearly all the time it has nothing to read:
 * so all streams whose headers declare the same take turns with one. A stanza that is not whole keeps its parser.
 */
class SpareParsers {
  /** By what `rest()` said; in the order in which they came back. */
  readonly #streams = new Map<string, StreamParser>();
  #frames: FrameParser | undefined;

  constructor(private readonly limits: ParserLimits) {}

  take(header: string, handler: ParserHandler): StreamParser {
    const spare = this.#streams.get(header);
    if (!spare) return new StreamParser(handler, this.limits, header);
    this.#streams.delete(header);
    spare.handler = handler;
    return spare;
  }

  giveBack(header: string, parser: StreamParser): void {
    parser.handler = nobody;
    this.#streams.set(header, parser);
    if (this.#streams.size <= HEADERS_MAX) return;
    for (const oldest of this.#streams.keys()) {
      this.#streams.delete(oldest);
      return;
    }
  }

  takeFrames(): FrameParser {
    const spare = this.#frames ?? new FrameParser(this.limits);
    this.#frames = undefined;
    return spare;
  }

  giveBackFrames(parser: FrameParser): void {
    parser.inner = undefined;
    this.#frames = parser;
  }
}

const nobody: ParserHandler = {
  onHeader: unexpected,
  onElement: unexpected,
  onFooter: unexpected,
};

function unexpected(): never {
  throw new Error("a parser reads that belongs to nobody");
}

/** There are few limits, and they are never changed. */
const spares = new WeakMap<ParserLimits, SpareParsers>();

export function sparesFor(limits: ParserLimits): SpareParsers {
  let found = spares.get(limits);
  if (!found) {
    found = new SpareParsers(limits);
    spares.set(limits, found);
  }
  return found;
}
