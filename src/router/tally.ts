/** A set whose members several owners can add: each is there until the last of them has taken it back. */
export class Tally<T> implements Iterable<T> {
  readonly #counts = new Map<T, number>();

  /** @returns takes back this one addition; further calls do nothing. */
  add(value: T): () => void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
    let mine = true;
    return () => {
      if (mine) this.#takeBack(value);
      mine = false;
    };
  }

  has(value: T): boolean {
    return this.#counts.has(value);
  }

  get size(): number {
    return this.#counts.size;
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#counts.keys();
  }

  #takeBack(value: T): void {
    const count = this.#counts.get(value) as number;
    if (count > 1) this.#counts.set(value, count - 1);
    else this.#counts.delete(value);
  }
}
