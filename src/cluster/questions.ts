import type { NodeId } from "./adapter.js";

/** Questions under way at the most. */
const MAX = 10_000;

interface Question {
  node: NodeId;
  timer: NodeJS.Timeout;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** What this node has asked others, until they answer, are gone, or the deadline has passed. */
export class Questions {
  readonly #open = new Map<number, Question>();
  #last = 0;

  /**
   * @param put hands the question with its number to the link
   * @param deadline ms
   * @returns what the other node answers; rejects with what it refuses, or when nothing comes
   */
  ask(node: NodeId, deadline: number, put: (number: number) => void): Promise<unknown> {
    if (this.#open.size >= MAX) return Promise.reject(new Error("too many questions are under way"));
    this.#last += 1;
    const number = this.#last;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.refused(node, number, `the node ${node} did not answer in time`),
        deadline,
      );
      this.#open.set(number, { node, timer, resolve, reject });
      put(number);
    });
  }

  answered(node: NodeId, number: number, answer: unknown): void {
    this.#take(node, number)?.resolve(answer);
  }

  refused(node: NodeId, number: number, why: string): void {
    this.#take(node, number)?.reject(new Error(why));
  }

  lost(node: NodeId): void {
    for (const [number, question] of [...this.#open]) {
      if (question.node === node) this.refused(node, number, `the node ${node} is gone`);
    }
  }

  #take(node: NodeId, number: number): Question | undefined {
    const found = this.#open.get(number);
    if (found?.node !== node) return undefined;
    clearTimeout(found.timer);
    this.#open.delete(number);
    return found;
  }
}
