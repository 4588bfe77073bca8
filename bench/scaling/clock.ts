/**
 * Simulated time, in whole ms: what `Date`, `performance` and the timers of this process say between `install` and `remove`. One
 * ms is one turn of the event loop for all nodes: what falls due in it runs, then what asked for `setImmediate`.
 */
export class Clock {
  /** ms since 1970; the same at each start, so that nothing depends on it. */
  now = 1_790_000_000_000;
  readonly #real = {
    dateNow: Date.now,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
    setImmediate: globalThis.setImmediate,
  };
  /** Of each ms what falls due in it. */
  readonly #due = new Map<number, (() => void)[]>();
  readonly #times: number[] = [];
  #immediates: (() => void)[] = [];

  install(): void {
    const timer = (fn: () => void, ms = 0, every = false) => new Timer(this, fn, ms, every);
    const clear = (timer: unknown) => timer instanceof Timer && timer.cancel();
    Date.now = () => this.now;
    // An own property hides the method of the prototype.
    Object.defineProperty(performance, "now", { value: () => this.now, configurable: true });
    Object.assign(globalThis, {
      setTimeout: (fn: () => void, ms?: number) => timer(fn, ms),
      clearTimeout: clear,
      setInterval: (fn: () => void, ms?: number) => timer(fn, ms, true),
      clearInterval: clear,
      setImmediate: (fn: () => void) => this.#immediates.push(fn),
    });
  }

  remove(): void {
    const { dateNow, ...timers } = this.#real;
    Date.now = dateNow;
    Reflect.deleteProperty(performance, "now");
    Object.assign(globalThis, timers);
  }

  /** @param time ms since 1970; what is past runs in the next ms. */
  at(time: number, fn: () => void): void {
    const due = Math.max(this.now + 1, Math.ceil(time));
    const others = this.#due.get(due);
    if (others) others.push(fn);
    else {
      this.#due.set(due, [fn]);
      insert(this.#times, due);
    }
  }

  /** Lets so many ms pass. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.#turn([]);
    while (this.#times.length > 0 && this.#times[0] <= end) {
      this.now = this.#times.shift() as number;
      const due = this.#due.get(this.now) ?? [];
      this.#due.delete(this.now);
      await this.#turn(due);
    }
    this.now = end;
  }

  /** Lets time pass until this has settled. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => undefined);
    await this.#drained();
    while (!done) await this.pass(1);
    return settled;
  }

  async #turn(due: readonly (() => void)[]): Promise<void> {
    for (const fn of due) fn();
    await this.#drained();
    while (this.#immediates.length > 0) {
      for (const fn of this.#immediates.splice(0)) fn();
      await this.#drained();
    }
  }

  /** All promises that can settle have. */
  #drained(): Promise<void> {
    return new Promise((resolve) => this.#real.setImmediate(resolve));
  }
}

/** As much of Node's as the cluster uses. */
class Timer {
  #cancelled = false;

  constructor(
    private readonly clock: Clock,
    private readonly fn: () => void,
    private readonly ms: number,
    private readonly every: boolean,
  ) {
    this.#arm();
  }

  cancel(): void {
    this.#cancelled = true;
  }

  unref(): this {
    return this;
  }

  #arm(): void {
    this.clock.at(this.clock.now + this.ms, () => {
      if (this.#cancelled) return;
      if (this.every) this.#arm();
      this.fn();
    });
  }
}

/** Into a sorted array that it mostly belongs near the beginning of. */
function insert(times: number[], time: number): void {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  times.splice(low, 0, time);
}
