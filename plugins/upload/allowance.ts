import type { Account, KeyValueStore, PluginContext } from "../../src/plugin/api.js";
import type { UploadOptions } from "./options.js";

/** What counts against an account: a file, or a slot for one that has not come yet. */
interface Entry {
  id: string;
  size: number;
  /** ms since 1970: counts no more from then on. */
  until: number;
}

type Limits = Pick<UploadOptions, "quota" | "maxFiles">;

/** How much each account may still upload. */
export class Allowance {
  readonly #entries: KeyValueStore<Entry[]>;

  constructor(
    private readonly ctx: Pick<PluginContext, "store" | "inTurn">,
    private readonly limits: Limits,
  ) {
    this.#entries = ctx.store<Entry[]>("allowance");
  }

  /**
   * Counts a slot until it ends.
   * @param entry no larger than the quota.
   * @returns undefined when it was, and otherwise when there will be room for it: ms since 1970.
   */
  reserve(account: Account, entry: Entry, now: number): Promise<number | undefined> {
    return this.#inTurn(account, async () => {
      const entries = await this.#of(account, now);
      const roomFrom = whenThereIsRoom(entries, entry.size, this.limits);
      if (roomFrom !== undefined) return roomFrom;
      await this.#entries.set(account, "all", [...entries, entry]);
      return undefined;
    });
  }

  /** The file of a slot has come: it counts for as long as it is there. */
  settle(account: Account, entry: Entry, now: number): Promise<void> {
    return this.#inTurn(account, async () => {
      const others = (await this.#of(account, now)).filter(({ id }) => id !== entry.id);
      await this.#entries.set(account, "all", [...others, entry]);
    });
  }

  async #of(account: Account, now: number): Promise<Entry[]> {
    const all = (await this.#entries.get(account, "all")) ?? [];
    return all.filter(({ until }) => until > now);
  }

  #inTurn<T>(account: Account, work: () => Promise<T>): Promise<T> {
    return this.ctx.inTurn(`upload ${account.jid.bareText}`, work);
  }
}

/** @returns undefined: now. */
function whenThereIsRoom(entries: readonly Entry[], size: number, limits: Limits): number | undefined {
  let used = entries.reduce((sum, entry) => sum + entry.size, 0);
  let count = entries.length;
  let from: number | undefined;
  for (const entry of [...entries].sort((a, b) => a.until - b.until)) {
    if (used + size <= limits.quota && count < limits.maxFiles) break;
    used -= entry.size;
    count -= 1;
    from = entry.until;
  }
  return from;
}
