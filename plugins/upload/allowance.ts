import type { Account, KeyValueStore, PluginContext } from "../../src/plugin/api.js";
import type { UploadOptions } from "./options.js";

/** What counts against an account: a file, or a slot for one that has not come or is coming. */
export interface Entry {
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
   * Counts a slot, or later the file that came for it, until it ends.
   * @param entry no larger than the quota. What was counted under its id counts no more.
   * @returns undefined when it is counted, and otherwise when there will be room for it: ms since 1970.
   */
  reserve(account: Account, entry: Entry, now: number): Promise<number | undefined> {
    return this.#change(account, now, (entries) => this.#with(entry, entries));
  }

  /** As `reserve`, where what is counted under the same id may count for longer. */
  extend(account: Account, entry: Entry, now: number): Promise<number | undefined> {
    return this.#change(account, now, (entries) => {
      const counted = entries.find(({ id }) => id === entry.id);
      return this.#with({ ...entry, until: Math.max(entry.until, counted?.until ?? 0) }, entries);
    });
  }

  /** Nothing came for a slot, and it counts no more. */
  async release(account: Account, id: string, now: number): Promise<void> {
    await this.#change(account, now, (entries) => without(id, entries));
  }

  /** @returns when there will be room, where there is none. */
  #with(entry: Entry, entries: readonly Entry[]): Entry[] | number {
    const others = without(entry.id, entries);
    return whenThereIsRoom(others, entry.size, this.limits) ?? [...others, entry];
  }

  /** @param change what counts from now on, or a reason why nothing changes. */
  #change(
    account: Account,
    now: number,
    change: (entries: Entry[]) => Entry[] | number,
  ): Promise<number | undefined> {
    return this.ctx.inTurn(`upload ${account.jid.bareText}`, async () => {
      // Another node may be about the same account: whoever comes second looks again.
      for (;;) {
        const kept = await this.#entries.get(account, "all");
        const changed = change((kept ?? []).filter(({ until }) => until > now));
        if (typeof changed === "number") return changed;
        if (await this.#entries.replace(account, "all", kept, changed)) return undefined;
      }
    });
  }
}

function without(id: string, entries: readonly Entry[]): Entry[] {
  return entries.filter((entry) => entry.id !== id);
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
