import { createHash } from "node:crypto";

const KEY = /^[0-9a-f]{40}$/i;

/** The client proves with each request that it is the one that began the session: XEP-0124 §15. */
export class KeySequence {
  #last: string | undefined;

  /** @param newkey of the first request; without one there are no keys. */
  constructor(newkey: string | undefined) {
    this.#last = newkey?.toLowerCase();
  }

  /** @returns false when the request is not the client's. */
  accept(key: string | undefined, newkey: string | undefined): boolean {
    if (this.#last === undefined) return true;
    if (key === undefined || !KEY.test(key)) return false;
    // §15.3: keys are hexadecimal in either case; what is hashed is what the client made, which may be either.
    if (![key, key.toLowerCase()].some((form) => sha1(form) === this.#last)) return false;
    // §15.5
    this.#last = (newkey ?? key).toLowerCase();
    return true;
  }
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("hex");
}
