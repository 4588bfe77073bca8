import type { NodeId } from "./adapter.js";
import type { Item } from "./envelope.js";

/** Questions under way at the most. */
const MAX = 10_000;

interface Question {
  node: NodeId;
  timer: NodeJS.Timeout;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Rejects with what the other node is told. */
export type Answerer = (payload: unknown, node: NodeId) => Promise<unknown>;

/**
 * What this node has asked others, until they answer, are gone, or the deadline has passed; and who answers what others ask.
 */
export class Questions {
  readonly #open = new Map<number, Question>();
  readonly #answerers = new Map<string, Answerer>();
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
      ).unref();
      this.#open.set(number, { node, timer, resolve, reject });
      put(number);
    });
  }

  /** Who answers questions of a kind that others ask. */
  answers(kind: string, answerer: Answerer): void {
    this.#answerers.set(kind, answerer);
  }

  /** @returns what is said to a question of another node's; never rejects */
  async reply(from: NodeId, number: number, kind: string, payload: unknown): Promise<Item> {
    try {
      const answerer = this.#answerers.get(kind);
      if (!answerer) throw new Error(`nobody answers ${kind}`);
      return ["answer", number, (await answerer(payload, from)) ?? null];
    } catch (error) {
      return ["refuse", number, error instanceof Error ? error.message : String(error)];
    }
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
