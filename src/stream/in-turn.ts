/** Tasks after which others have their turn: one source may bring thousands at once. */
const MANY = 200;

/** Deals with what arrives one after the other; reads on only when the last is done. */
export class InTurn {
  #waiting: (() => undefined | Promise<void>)[] | undefined;
  #paused = false;
  #count = 0;

  /**
   * @param source paused while something is waited for. What it still hands over (the rest of a chunk that was read)
   *   waits here; that is the bound.
   * @param failed told what a task threw; must not throw.
   */
  constructor(
    private readonly source: { pause(): void; resume(): void },
    private readonly failed: (error: unknown) => void,
  ) {}

  get busy(): boolean {
    return this.#waiting !== undefined;
  }

  /** Runs the task now, or when those before it are done. */
  take(task: () => undefined | Promise<void>): void {
    if (this.#waiting) this.#waiting.push(task);
    else this.run(task, undefined);
  }

  /** Runs a task now, without a closure for it; only while not busy. */
  run<A extends unknown[]>(task: (...args: A) => undefined | Promise<void>, self: unknown, ...args: A): void {
    try {
      const done = task.apply(self, args) ?? this.#rest();
      if (done !== undefined) this.#await(done);
    } catch (error) {
      this.failed(error);
    }
  }

  /** The source is gone: nothing to pause any more. */
  gone(): void {
    this.#paused = true;
  }

  #await(first: Promise<void>): void {
    this.#waiting = [];
    if (!this.#paused) this.source.pause();
    void this.#drain(first);
  }

  async #drain(first: Promise<void>): Promise<void> {
    let current: undefined | Promise<void> = first;
    for (;;) {
      try {
        await current;
      } catch (error) {
        this.failed(error);
      }
      current = this.#next();
      if (!current) break;
    }
    if (!this.#paused) this.source.resume();
  }

  /** Undefined until there have been many; then resolves in the next turn of the event loop. */
  #rest(): undefined | Promise<void> {
    this.#count += 1;
    if (this.#count < MANY) return undefined;
    this.#count = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Runs what waits until something has to be waited for again. */
  #next(): undefined | Promise<void> {
    for (;;) {
      const task = this.#waiting?.shift();
      if (!task) {
        this.#waiting = undefined;
        return undefined;
      }
      try {
        const done = task() ?? this.#rest();
        if (done !== undefined) return done;
      } catch (error) {
        this.failed(error);
      }
    }
  }
}
