import type { BoshRequest } from "./request.js";
import type { BoshTerms } from "./terms.js";

/** Tells who asks too often: XEP-0124 §11 and §12. */
export class Pace {
  /** When the last request came, ms. */
  #last = Number.NEGATIVE_INFINITY;
  #lastWasEmpty = false;
  /** The last answer had something in it. */
  #answeredMuch = true;

  constructor(private readonly terms: BoshTerms) {}

  /** @param unanswered requests under way, with this one. @returns false when it came too soon. */
  allows(request: BoshRequest, unanswered: number, now = performance.now()): boolean {
    const { hold, polling, requests } = this.terms;
    const soon = now - this.#last < polling;
    const tooSoon =
      hold === 0
        ? this.#lastWasEmpty && !this.#answeredMuch
        : // As many as may be under way, and the last says nothing: it only makes another one be answered.
          unanswered >= requests;
    this.#last = now;
    this.#lastWasEmpty = request.isEmpty;
    return !(request.isEmpty && soon && tooSoon);
  }

  /** @param much there was something in the answer. */
  answered(much: boolean): void {
    this.#answeredMuch = much;
  }
}
