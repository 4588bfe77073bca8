/** What plugins tell themselves on other nodes. */
export class NodeNews {
  readonly #listeners = new Map<string, Set<(news: unknown) => void>>();
  readonly #reports = new Set<() => Iterable<[topic: string, news: unknown]>>();

  /** @param tell to the listeners of that topic on all other nodes. */
  constructor(readonly tell: (topic: string, news: unknown) => void) {}

  /** @returns takes the listener away again. */
  listen(topic: string, fn: (news: unknown) => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners.add(fn));
    return () => {
      listeners.delete(fn);
      if (listeners.size === 0) this.#listeners.delete(topic);
    };
  }

  /** @param report what a node that joins is to be told on a topic. @returns takes it away again. */
  report(topic: string, report: () => Iterable<unknown>): () => void {
    const entry = function* (): Generator<[string, unknown]> {
      for (const news of report()) yield [topic, news];
    };
    this.#reports.add(entry);
    return () => this.#reports.delete(entry);
  }

  *forNewcomers(): Generator<[topic: string, news: unknown]> {
    for (const report of this.#reports) yield* report();
  }

  /** Another node has told something. */
  told(topic: string, news: unknown): void {
    for (const fn of this.#listeners.get(topic) ?? []) fn(news);
  }
}
