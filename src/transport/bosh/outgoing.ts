import type { Receipt } from "../../session/session.js";

/** About as much as one answer has in it, unless one element is larger. */
const ANSWER_SIZE = 128 * 1024;

/** Elements that wait for a request to answer. */
export class Outgoing {
  #texts: string[] = [];
  #receipts: { at: number; receipt: Receipt }[] = [];
  /** Characters, which is not far from bytes. */
  size = 0;

  get isEmpty(): boolean {
    return this.#texts.length === 0;
  }

  get lastText(): string | undefined {
    return this.#texts.at(-1);
  }

  add(text: string, receipt: Receipt | undefined): void {
    if (receipt) this.#receipts.push({ at: this.#texts.length, receipt });
    this.#texts.push(text);
    this.size += text.length;
  }

  /** As much as fits one answer. */
  take(limit = ANSWER_SIZE): { text: string; receipts: Receipt[] } {
    let count = 0;
    let text = "";
    while (count < this.#texts.length && (count === 0 || text.length + this.#texts[count].length <= limit)) {
      text += this.#texts[count];
      count += 1;
    }
    this.#texts.splice(0, count);
    this.size -= text.length;
    const gone = this.#receipts.filter(({ at }) => at < count);
    this.#receipts = this.#receipts
      .slice(gone.length)
      .map(({ at, receipt }) => ({ at: at - count, receipt }));
    return { text, receipts: gone.map(({ receipt }) => receipt) };
  }

  takeAll(): { text: string; receipts: Receipt[] } {
    return this.take(Number.POSITIVE_INFINITY);
  }

  /** Nobody will fetch them. */
  fail(): void {
    for (const receipt of this.takeAll().receipts) receipt.failed();
  }
}
