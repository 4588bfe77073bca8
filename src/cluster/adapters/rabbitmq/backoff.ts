import { setTimeout as wait } from "node:timers/promises";

const FIRST = 50;

/** Delays that double up to a bound, each with some chance in it so that nodes do not come all at once. */
export class Backoff {
  #next: number;

  /** @param most ms @param first ms */
  constructor(
    private readonly most: number,
    first = FIRST,
  ) {
    this.#next = Math.min(first, most);
  }

  /** Ends early when the signal is given, without an error. */
  async wait(signal: AbortSignal): Promise<void> {
    const ms = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.most);
    await wait(ms, undefined, { signal }).catch(() => undefined);
  }
}

/** What the work results in. @throws the signal's reason, as soon as it is given */
export async function unless<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  let stop: () => void = () => undefined;
  const given = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, given]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
