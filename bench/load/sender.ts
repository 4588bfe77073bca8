import type { Acknowledger } from "./acknowledger.js";
import type { Client } from "./client.js";
import { namespace } from "./login.js";
import { frameHead, textFrame } from "./web-socket.js";

const ID_DIGITS = 8;
const ZERO = 48;
const BODY =
  "The river was high that morning, and the keeper opened the second gate before he had his coffee, as he had done for years.";
export const BODY_BYTES = Buffer.byteLength(BODY);

/**
 * What one client sends to its partner: message bytes built once, of which only the digits of the id change, and the
 * send times of what is under way. A message has a slot of its own until it has arrived, so no buffer changes while
 * the kernel may still have to take it.
 */
export class Sender {
  sent = 0;
  arrived = 0;
  acknowledger: Acknowledger | undefined;
  readonly #slots: Buffer[];
  readonly #times: Float64Array;
  readonly #digitsAt: number;

  constructor(
    readonly client: Client,
    to: string,
    readonly slots: number,
  ) {
    const head = `<message${namespace(client)} type='chat' to='${to}' id='${client.name}-`;
    const text = `${head}${"0".repeat(ID_DIGITS)}'><body>${BODY}</body></message>`;
    const bytes = () => (client.framed ? textFrame(text) : Buffer.from(text));
    this.#digitsAt = Buffer.byteLength(head) + (client.framed ? frameHead(Buffer.byteLength(text)) : 0);
    this.#slots = Array.from({ length: slots }, bytes);
    this.#times = new Float64Array(slots);
  }

  get full(): boolean {
    return this.sent - this.arrived >= this.slots;
  }

  /** Sends the next message. @param at the time its latency counts from, in milliseconds of `performance.now()`. */
  send(at: number): void {
    const slot = this.sent % this.slots;
    const bytes = this.#slots[slot];
    writeDigits(bytes, this.#digitsAt, this.sent);
    this.#times[slot] = at;
    this.sent++;
    this.client.socket.write(bytes);
    this.acknowledger?.sent();
  }

  /** The oldest message under way has come to its end. @returns when it was sent. */
  arrive(): number {
    return this.#times[this.arrived++ % this.slots];
  }

  /** The bytes by which the message that must arrive next is known. */
  nextId(): string {
    return `${this.client.name}-${String(this.arrived).padStart(ID_DIGITS, "0")}`;
  }
}

function writeDigits(bytes: Buffer, at: number, value: number): void {
  let left = value;
  for (let i = at + ID_DIGITS - 1; i >= at; i--) {
    const rest = Math.floor(left / 10);
    bytes[i] = ZERO + left - rest * 10;
    left = rest;
  }
}
