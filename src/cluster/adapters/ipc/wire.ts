import type { Socket } from "node:net";
import { HEADER } from "./frames.js";
import type { Turn } from "./turn.js";

/** What a frame holds is in `bytes` from `at` to `end`. */
export type OnFrame = (type: number, bytes: Buffer, at: number, end: number) => void;

/** Bytes up to which what waits is copied together: one buffer costs less than many. */
const JOINED = 512 * 1024;

/** ms that the other side may take to read the last. */
const CLOSE_TIME = 1000;

/** A connection that carries frames. */
export class Wire {
  #waiting: Buffer[] = [];
  #size = 0;
  #dirty = false;
  #parts: Buffer[] = [];
  #have = 0;
  #need = HEADER;
  #error: NodeJS.ErrnoException | undefined;

  /**
   * @param limit bytes of the largest frame; a larger one ends the connection.
   * @param onClose is told why, unless one side has ended it.
   */
  constructor(
    private readonly socket: Socket,
    private readonly turn: Turn,
    private readonly limit: number,
    private readonly onFrame: OnFrame,
    onClose: (error: NodeJS.ErrnoException | undefined) => void,
  ) {
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("drain", () => this.flush());
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on("close", () => onClose(this.#error));
  }

  /** Goes out at the end of this turn. */
  post(frame: Buffer): void {
    this.#waiting.push(frame);
    this.#size += frame.length;
    if (this.#dirty) return;
    this.#dirty = true;
    this.turn.wire(this);
  }

  flush(): void {
    this.#dirty = false;
    if (this.#waiting.length === 0 || this.socket.writableNeedDrain) return;
    const frames = this.#waiting;
    const size = this.#size;
    this.#waiting = [];
    this.#size = 0;
    if (size <= JOINED) {
      this.socket.write(frames.length === 1 ? frames[0] : Buffer.concat(frames, size));
      return;
    }
    this.socket.cork();
    for (const frame of frames) this.socket.write(frame);
    this.socket.uncork();
  }

  /** Once all that was posted is out. Resolves when the connection is closed. */
  async end(): Promise<void> {
    if (this.socket.closed) return;
    const closed = new Promise((resolve) => this.socket.once("close", resolve));
    const late = setTimeout(() => this.socket.destroy(), CLOSE_TIME);
    this.#finish();
    await closed;
    clearTimeout(late);
  }

  #finish(): void {
    this.flush();
    if (this.#waiting.length === 0) this.socket.end();
    else this.socket.once("drain", () => this.#finish());
  }

  destroy(): void {
    this.#waiting = [];
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = chunk;
    if (this.#have > 0) {
      this.#parts.push(chunk);
      this.#have += chunk.length;
      // A large frame comes in many pieces, which are put together once.
      if (this.#have < this.#need) return;
      bytes = Buffer.concat(this.#parts, this.#have);
      this.#parts = [];
      this.#have = 0;
    }
    let at = 0;
    while (bytes.length - at >= HEADER && !this.socket.destroyed) {
      const length = bytes.readUInt32BE(at);
      if (length > this.limit) {
        this.socket.destroy(new Error(`a frame of ${length} bytes`));
        return;
      }
      const end = at + 4 + length;
      if (end > bytes.length) break;
      this.onFrame(bytes[at + 4], bytes, at + HEADER, end);
      at = end;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at));
  }

  #keep(rest: Buffer): void {
    this.#parts = [rest];
    this.#have = rest.length;
    this.#need = rest.length < HEADER ? HEADER : 4 + rest.readUInt32BE(0);
  }
}
