import { LRUCache } from "lru-cache";
import type { IterationCount } from "../auth/types.js";
import type { AccountRepository } from "./types.js";

/** ms. To count reads every account of a domain. */
const FRESH = 3_600_000;

/** How many iterations the keys of a domain's accounts have, counted anew after a while, behind what was counted before. */
export class IterationCounts {
  readonly #counted: LRUCache<string, IterationCount[]>;

  constructor(accounts: Pick<AccountRepository, "iterationCounts">) {
    this.#counted = new LRUCache({
      max: 1000,
      ttl: FRESH,
      allowStale: true,
      allowStaleOnFetchRejection: true,
      fetchMethod: (domain) => accounts.iterationCounts(domain),
    });
  }

  async of(domain: string): Promise<readonly IterationCount[]> {
    return (await this.#counted.fetch(domain)) ?? [];
  }
}
