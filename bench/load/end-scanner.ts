export const END = Buffer.from("</message>");
const OPEN = 60; // "<"

/** Counts `</message>` in a stream of chunks, however the bytes are cut. Nothing else of the XML is looked at. */
export class EndScanner {
  /** How many bytes of the tag stood at the end of the last chunk. */
  #begun = 0;

  count(chunk: Buffer): number {
    let from = 0;
    let found = 0;
    if (this.#begun > 0) {
      from = this.#resume(chunk);
      if (from < 0) return 0;
      if (from > 0) found = 1;
    }
    for (let at = chunk.indexOf(END, from); at >= 0; at = chunk.indexOf(END, from)) {
      found++;
      from = at + END.length;
      if (from === chunk.length) return found;
    }
    this.#begun = begunAtEnd(chunk, from);
    return found;
  }

  /** Goes on with a cut tag. @returns where scanning starts; 0 if it was another tag; -1 if the chunk ended inside it. */
  #resume(chunk: Buffer): number {
    const missing = Math.min(END.length - this.#begun, chunk.length);
    const same = chunk.compare(END, this.#begun, this.#begun + missing, 0, missing) === 0;
    if (same && this.#begun + missing < END.length) {
      this.#begun += missing;
      return -1;
    }
    this.#begun = 0;
    return same ? missing : 0;
  }
}

function begunAtEnd(chunk: Buffer, from: number): number {
  const at = chunk.lastIndexOf(OPEN);
  const length = chunk.length - at;
  if (at < from || length >= END.length) return 0;
  return chunk.compare(END, 0, length, at, chunk.length) === 0 ? length : 0;
}
