const END = Buffer.from("</message>");
const TO = Buffer.from(" to='");
const QUOTE = 39; // "'"
const MESSAGE_BYTES_MAX = 262_144;

/** Cuts a stream of bytes after each `</message>` and finds each message's `to`. Neighbours to the same address go out as one. */
export class MessageSplitter {
  readonly #send: (to: string, bytes: Buffer) => void;
  #rest: Buffer | undefined;

  constructor(send: (to: string, bytes: Buffer) => void) {
    this.#send = send;
  }

  /** @throws when a message has no end within 256 KiB, or no `to`. */
  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    let start = 0;
    let end = 0;
    let to = "";
    for (let next = endOfMessage(bytes, 0); next > 0; next = endOfMessage(bytes, end)) {
      const address = addressee(bytes, end);
      if (end > start && address !== to) {
        this.#send(to, bytes.subarray(start, end));
        start = end;
      }
      to = address;
      end = next;
    }
    if (end > start) this.#send(to, start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    this.#keep(bytes, end);
  }

  #keep(bytes: Buffer, from: number): void {
    this.#rest = from < bytes.length ? bytes.subarray(from) : undefined;
    if (this.#rest !== undefined && this.#rest.length > MESSAGE_BYTES_MAX)
      throw new Error("a message without end");
  }
}

function endOfMessage(bytes: Buffer, from: number): number {
  if (from >= bytes.length) return 0;
  const at = bytes.indexOf(END, from);
  return at < 0 ? 0 : at + END.length;
}

function addressee(bytes: Buffer, from: number): string {
  const start = bytes.indexOf(TO, from) + TO.length;
  const end = bytes.indexOf(QUOTE, start);
  if (start < TO.length || end < 0) throw new Error("a message without to");
  return bytes.toString("latin1", start, end);
}
