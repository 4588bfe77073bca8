import type { Client } from "./client.js";

const NS_SM = "urn:xmpp:sm:3";
const ASKED = Buffer.from("<r ");
/** Messages after which an acknowledgement is sent unasked, should a question have been cut in two by a read. */
const EVERY = 10;

/** Stream management of one client, XEP-0198, over the bytes alone: it answers, and asks after every so many messages. */
export class Acknowledger {
  #heard = 0;
  #told = 0;
  #sent = 0;

  constructor(private readonly client: Client) {}

  /** To be called once the client has logged in and nothing more is under way: counting starts here. */
  async enable(): Promise<void> {
    this.client.write(`<enable xmlns='${NS_SM}'/>`);
    await this.client.expect(/<enabled[^>]*>/);
  }

  heard(chunk: Buffer, messages: number): void {
    this.#heard += messages;
    if (this.#heard - this.#told < EVERY && !chunk.includes(ASKED)) return;
    this.#told = this.#heard;
    this.client.write(`<a xmlns='${NS_SM}' h='${this.#heard}'/>`);
  }

  sent(): void {
    this.#sent += 1;
    if (this.#sent % EVERY === 0) this.client.write(`<r xmlns='${NS_SM}'/>`);
  }
}
