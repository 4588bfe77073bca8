/** One numbered frame, with whoever waits until the other node, or its heir, has it. */
export interface Entry {
  readonly n: number;
  readonly frame: Buffer;
  /** Undefined once told, and where nobody waits. */
  settle: Settle | undefined;
}

export interface Settle {
  resolve(): void;
  reject(error: Error): void;
  /** A node that is not there is none that it was to reach: no error. */
  toAll: boolean;
}

/** What was sent to a node that has not received it yet, in the order sent. */
export class Kept {
  readonly #entries = new Map<number, Entry>();
  /** Those for whose arrival somebody waits, from `#first`. */
  #unanswered: Entry[] = [];
  #first = 0;
  #size = 0;

  get count(): number {
    return this.#entries.size;
  }

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** The number of the first for whose arrival somebody waits. */
  get unanswered(): number | undefined {
    return this.#unanswered[this.#first]?.n;
  }

  add(entry: Entry): void {
    this.#entries.set(entry.n, entry);
    if (entry.settle) this.#unanswered.push(entry);
    this.#size += entry.frame.length;
  }

  entries(): IterableIterator<Entry> {
    return this.#entries.values();
  }

  /** The node has all up to this number. */
  has(n: number): void {
    const all = this.#unanswered;
    let first = this.#first;
    for (; first < all.length && all[first].n <= n; first++) settle(all[first]);
    this.#first = first;
    if (first === all.length || first > 10_000) {
      all.splice(0, first);
      this.#first = 0;
    }
  }

  received(first: number, count: number): void {
    for (let n = first; n < first + count; n++) {
      const entry = this.#entries.get(n);
      if (!entry) continue;
      this.#size -= entry.frame.length;
      this.#entries.delete(n);
    }
  }

  /** The sender answers for all of it itself. */
  settleAll(): void {
    for (const entry of this.#entries.values()) settle(entry);
    this.#unanswered = [];
    this.#first = 0;
  }

  /** Gives up what comes after this number. @returns how many of these somebody counts on. */
  reject(after: number, error: Error): number {
    let lost = 0;
    for (const entry of [...this.#entries.values()].filter(({ n }) => n > after)) {
      if (!entry.settle) lost += 1;
      else if (entry.settle.toAll) entry.settle.resolve();
      else entry.settle.reject(error);
      entry.settle = undefined;
      this.received(entry.n, 1);
    }
    this.#unanswered = this.#unanswered.slice(this.#first).filter(({ n }) => n <= after);
    this.#first = 0;
    return lost;
  }

  /** Empties it. */
  take(): Entry[] {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#unanswered = [];
    this.#first = 0;
    this.#size = 0;
    return entries;
  }
}

function settle(entry: Entry): void {
  entry.settle?.resolve();
  entry.settle = undefined;
}
