import { FrameParser } from "./frame.js";
import { type ParserHandler, type ParserLimits, StreamParser } from "./parser.js";

/** Different stream headers for which a parser is kept; then the one that was kept first goes. */
const HEADERS_MAX = 32;

/**
 * Parsers that are between two stanzas. A parser is made of many parts, and nearly all the time it has nothing to read:
 * so all streams whose headers declare the same take turns with one. A stanza that is not whole keeps its parser.
 */
class SpareParsers {
  /**
   * By what `rest()` said. The places stay while parsers come and go: a Map that is changed with each stanza is remade again and
   * again, and as each table refers to its successor, V8's young collections keep them all, and what they hold.
   */
  readonly #streams = new Map<string, { spare: StreamParser | undefined }>();
  #frames: FrameParser | undefined;

  constructor(private readonly limits: ParserLimits) {}

  take(header: string, handler: ParserHandler): StreamParser {
    const place = this.#streams.get(header);
    const { spare } = place ?? {};
    if (!place || !spare) return new StreamParser(handler, this.limits, header);
    place.spare = undefined;
    spare.handler = handler;
    return spare;
  }

  giveBack(header: string, parser: StreamParser): void {
    parser.handler = nobody;
    const place = this.#streams.get(header);
    if (place) {
      place.spare = parser;
      return;
    }
    this.#streams.set(header, { spare: parser });
    if (this.#streams.size <= HEADERS_MAX) return;
    for (const first of this.#streams.keys()) {
      this.#streams.delete(first);
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
