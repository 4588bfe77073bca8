import { LRUCache } from "lru-cache";
import { networkOf } from "../transport/network.js";

/** Failed logins by network address within a window. Holds a bounded number of them; the least recent are forgotten. */
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
    return (this.#failures.get(networkOf(address))?.count ?? 0) < this.count;
  }

  failed(address: string): void {
    const network = networkOf(address);
    const known = this.#failures.get(network);
    if (known) known.count += 1;
    else this.#failures.set(network, { count: 1 });
  }
}
