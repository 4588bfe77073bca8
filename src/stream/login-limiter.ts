import { LRUCache } from "lru-cache";

/** Failed logins by network address within a window. Holds a bounded number of addresses; the least recent are forgotten. */
export class LoginLimiter {
  readonly #failures: LRUCache<string, { count: number }>;

  /**
   * @param window ms
   * @param clock in ms
   */
  constructor(
    private readonly count: number,
    window: number,
    clock: { now(): number } = performance,
  ) {
    this.#failures = new LRUCache({ max: 50_000, ttl: window, ttlResolution: 0, perf: clock });
  }

  allows(address: string): boolean {
    return (this.#failures.get(address)?.count ?? 0) < this.count;
  }

  failed(address: string): void {
    const known = this.#failures.get(address);
    if (known) known.count += 1;
    else this.#failures.set(address, { count: 1 });
  }
}
