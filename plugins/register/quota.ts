import { networkOf } from "../../src/plugin/api.js";

/** Addresses remembered at the most; beyond them the one is forgotten whose first attempt is longest ago. */
const ADDRESSES_MAX = 10_000;

interface Tally {
  /** ms */
  since: number;
  count: number;
}

/** Counts attempts by network address within a window that begins with the first of them. */
export class Quota {
  /** Oldest window first. */
  readonly #tallies = new Map<string, Tally>();

  /**
   * @param count attempts allowed in one window
   * @param window ms
   * @param now a clock, ms
   */
  constructor(
    private readonly count: number,
    private readonly window: number,
    private readonly now: () => number = Date.now,
  ) {}

  /** Counts one attempt. @returns false when there were too many before. */
  take(address: string): boolean {
    const tally = this.#current(networkOf(address));
    if (tally.count >= this.count) return false;
    tally.count += 1;
    return true;
  }

  #current(network: string): Tally {
    const known = this.#tallies.get(network);
    if (known && this.now() - known.since < this.window) return known;
    this.#tallies.delete(network);
    if (this.#tallies.size >= ADDRESSES_MAX) this.#forgetOldest();
    const fresh = { since: this.now(), count: 0 };
    this.#tallies.set(network, fresh);
    return fresh;
  }

  #forgetOldest(): void {
    for (const network of this.#tallies.keys()) {
      this.#tallies.delete(network);
      return;
    }
  }
}
