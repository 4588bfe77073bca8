import type { Stanza } from "../xmpp/stanza.js";
import type { Receipt } from "./session.js";

const WRAP = 2 ** 32;

export interface Sent {
  stanza: Stanza;
  receipt: Receipt | undefined;
  size: number;
  /** When it was to be sent, ms since 1970. */
  since: number;
  /** There was a connection then. */
  written: boolean;
}

/** What was sent to a client and not acknowledged yet, oldest first: XEP-0198 §4. */
export class Unacked {
  #queue: Sent[] = [];
  #acked: number;
  #bytes = 0;

  /** @param acked the number of stanzas that were sent and acknowledged before, wrapped. */
  constructor(acked = 0) {
    this.#acked = acked;
  }

  get count(): number {
    return this.#queue.length;
  }

  /** Characters of the text of all of them. */
  get size(): number {
    return this.#bytes;
  }

  /** The number of all that were acknowledged so far, wrapped. */
  get acknowledged(): number {
    return this.#acked;
  }

  /** The number of all stanzas sent so far, wrapped. */
  get sent(): number {
    return (this.#acked + this.#queue.length) % WRAP;
  }

  push(stanza: Stanza, receipt: Receipt | undefined, size: number, written = true, since = Date.now()): void {
    this.#queue.push({ stanza, receipt, size, since, written });
    this.#bytes += size;
  }

  /** @returns false when the client acknowledges more than it was sent: nothing happens then. */
  acknowledge(h: number): boolean {
    const count = (h - this.#acked + WRAP) % WRAP;
    if (count > this.#queue.length) return false;
    this.#acked = h;
    for (const { receipt, size } of this.#queue.splice(0, count)) {
      this.#bytes -= size;
      receipt?.delivered();
    }
    return true;
  }

  /** To be sent again, in order. */
  all(): readonly Sent[] {
    return this.#queue;
  }

  /** The session is over: what is left was not delivered. */
  take(): Sent[] {
    this.#bytes = 0;
    return this.#queue.splice(0);
  }
}
