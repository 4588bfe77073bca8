import type { Answer } from "./answer.js";

/** The answers that the client may not have got yet: XEP-0124 §14.3. */
export class Answers {
  readonly #byRid = new Map<number, Answer>();

  /** @param keep how many of the last are kept in any case. */
  constructor(private readonly keep: number) {}

  get(rid: number): Answer | undefined {
    return this.#byRid.get(rid);
  }

  add(rid: number, answer: Answer): void {
    this.#byRid.set(rid, answer);
  }

  /** The client has those up to `rid`. */
  acknowledged(rid: number): void {
    for (const [at, { receipts }] of this.#byRid) {
      if (at > rid) break;
      for (const receipt of receipts.splice(0)) receipt.delivered();
      if (this.#byRid.size > this.keep) this.#byRid.delete(at);
    }
  }

  /** The session is over. @param inOrder then what went out has arrived, as far as anybody can know. */
  end(inOrder: boolean): void {
    for (const { receipts, sent } of this.#byRid.values()) {
      for (const receipt of receipts.splice(0)) {
        if (inOrder && sent) receipt.delivered();
        else receipt.failed();
      }
    }
    this.#byRid.clear();
  }
}
