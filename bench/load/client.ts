import { createConnection, type Socket } from "node:net";
import { isPing, pong, textFrame, upgradeRequest } from "./web-socket.js";

const LOGIN_TIMEOUT_MS = 60_000;
const LOGIN_BYTES_MAX = 262_144;

/** All sockets read into this one: the bytes are looked at before the next read and never kept. */
const shared = Buffer.allocUnsafe(65_536);

type Waiting = { until: RegExp; resolve: (text: string) => void; reject: (why: Error) => void };

/**
 * One connection of the load generator. During login it answers questions about text (`expect`); afterwards `onBytes`
 * is called with each chunk as it lies in the shared read buffer.
 */
export class Client {
  readonly socket: Socket;
  onBytes: ((chunk: Buffer) => void) | undefined;
  /** Called when the connection ends although nobody asked for it. */
  onLost: (why: Error) => void = (why) => this.#fail(why);
  #text = "";
  #waiting: Waiting | undefined;
  #closing = false;
  /** Every text that is written is a WebSocket message of its own. */
  framed = false;

  constructor(
    readonly name: string,
    host: string,
    port: number,
  ) {
    const onread = { buffer: shared, callback: (length: number) => this.#read(shared.subarray(0, length)) };
    this.socket = createConnection({ host, port, noDelay: true, onread });
    this.socket.on("error", (why) => this.#lost(why));
    this.socket.on("close", () => this.#lost(new Error("closed by the server")));
  }

  write(text: string): void {
    this.socket.write(this.framed ? textFrame(text) : text);
  }

  /** From now on all goes over a WebSocket. */
  async upgrade(port: number): Promise<void> {
    this.write(upgradeRequest(port));
    await this.expect(/ 101 [\s\S]*?\r\n\r\n/);
    this.framed = true;
  }

  /**
   * What the server sent up to and including the first match of `until`; the rest is kept for the next call.
   * @throws when the connection ends, a stream error or a SASL failure arrives, or 60 seconds pass.
   */
  expect(until: RegExp): Promise<string> {
    return new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => this.#fail(this.#error(`no ${until} in 60 s`)), LOGIN_TIMEOUT_MS);
      const settled = <T>(then: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(timer);
          this.#waiting = undefined;
          then(value);
        };
      };
      this.#waiting = { until, resolve: settled(resolve), reject: settled(reject) };
      this.#match();
    });
  }

  close(): void {
    this.#closing = true;
    this.socket.destroy();
  }

  #read(chunk: Buffer): boolean {
    if (this.framed && isPing(chunk)) this.socket.write(pong);
    else if (this.onBytes !== undefined) this.onBytes(chunk);
    else this.#collect(chunk.toString());
    return true;
  }

  #collect(text: string): void {
    this.#text += text;
    if (this.#text.length > LOGIN_BYTES_MAX) this.#fail(this.#error("a login answer without end"));
    else this.#match();
  }

  #match(): void {
    if (this.#waiting === undefined) return;
    const found = this.#waiting.until.exec(this.#text);
    if (found !== null) {
      const end = found.index + found[0].length;
      const answer = this.#text.slice(0, end);
      this.#text = this.#text.slice(end);
      this.#waiting.resolve(answer);
    } else if (/<stream:error|<failure/.test(this.#text)) {
      this.#fail(this.#error(`the server refused: ${this.#text.slice(0, 500)}`));
    }
  }

  #lost(why: Error): void {
    if (this.#closing) return;
    this.#closing = true;
    this.onLost(this.#error(why.message));
  }

  #error(text: string): Error {
    return new Error(`${this.name}: ${text}`);
  }

  #fail(why: Error): void {
    this.#waiting?.reject(why);
  }
}
