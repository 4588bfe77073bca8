import type { Receipt, Session, Stanza, Valve } from "../../src/plugin/api.js";
import type { CsiOptions } from "./options.js";
import { subjectOf } from "./subject.js";

interface Held {
  stanza: Stanza;
  receipt: Receipt | undefined;
}

/**
 * Keeps back what an inactive client has time for, one stanza for each subject, until something comes that has none; then
 * everything goes out, in the order it came.
 */
export class Patience implements Valve {
  /** By subject, oldest first. */
  #held = new Map<string, Held>();

  constructor(
    private readonly session: Pick<Session, "write">,
    private readonly options: CsiOptions,
  ) {}

  keeps(stanza: Stanza, receipt: Receipt | undefined): boolean {
    const subject = subjectOf(stanza, this.options);
    if (subject !== undefined) {
      this.#replace(subject, { stanza, receipt });
      if (this.#held.size <= this.options.maxHeld) return true;
    }
    for (const held of this.empty()) this.session.write(held.stanza, held.receipt);
    return subject !== undefined;
  }

  empty(): Held[] {
    const held = [...this.#held.values()];
    this.#held = new Map();
    return held;
  }

  #replace(subject: string, held: Held): void {
    const before = this.#held.get(subject);
    // Of an earlier state nobody needs to know: it counts as delivered, so that no store keeps it either.
    before?.receipt?.delivered();
    this.#held.delete(subject);
    this.#held.set(subject, held);
  }
}
