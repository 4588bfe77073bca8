/** Work for the same key runs one after the other; work for different keys side by side. Holds only keys at work. */
export class KeyedTurns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Resolves or rejects as `work` does; what came before may have failed. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const mine = before === undefined ? work() : before.then(work, work);
    this.#last.set(key, mine);
    const forget = () => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    };
    mine.then(forget, forget);
    return mine;
  }
}
