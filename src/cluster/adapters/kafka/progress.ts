/**
 * How far the records of a topic were dealt with: they are taken in order and done in any. Its position is the offset
 * before which all are done.
 */
export class Progress {
  readonly #pending: { offset: number; done: boolean }[] = [];
  #next: number;
  #changed: (() => void)[] = [];

  /** @param from the first offset that is to be taken. */
  constructor(from: number) {
    this.#next = from;
  }

  get position(): number {
    return this.#pending[0]?.offset ?? this.#next;
  }

  /** Records that were taken and are not done, or wait for one that is not. */
  get pending(): number {
    return this.#pending.length;
  }

  /** @returns what to call when it is done. */
  take(offset: number): () => void {
    const one = { offset, done: false };
    this.#pending.push(one);
    this.#next = offset + 1;
    return () => {
      one.done = true;
      this.#advance();
    };
  }

  /** There is nothing to take before this offset. */
  skipTo(offset: number): void {
    this.#next = Math.max(this.#next, offset);
    this.#advance();
  }

  /** Resolves when everything before an offset is done. */
  reached(offset: number): Promise<void> {
    return this.#when(() => this.position >= offset);
  }

  /** Whether the record at an offset is done; so is one that came before the first. */
  isDone(offset: number): boolean {
    if (offset < this.position) return true;
    return this.#pending.find((one) => one.offset === offset)?.done ?? false;
  }

  whenDone(offset: number): Promise<void> {
    return this.#when(() => this.isDone(offset));
  }

  /** Resolves when fewer than so many are pending. */
  room(limit: number): Promise<void> {
    return this.#when(() => this.pending < limit);
  }

  async #when(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#changed.push(resolve));
  }

  #advance(): void {
    const waiting = this.#pending.findIndex(({ done }) => !done);
    this.#pending.splice(0, waiting < 0 ? this.#pending.length : waiting);
    const told = this.#changed;
    this.#changed = [];
    for (const resolve of told) resolve();
  }
}
