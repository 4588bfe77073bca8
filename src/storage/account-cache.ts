import { LRUCache } from "lru-cache";
import type { Jid } from "../xmpp/jid.js";
import type { Account, AccountRepository } from "./types.js";

/**
 * Which accounts exist, remembered for a while. What this process changes is forgotten at once (`forget`); what another
 * process changes behind its back is seen after `ttl` ms.
 */
export class AccountCache {
  readonly #known: LRUCache<string, { account: Account | undefined }>;

  constructor(
    private readonly accounts: AccountRepository,
    { max = 50_000, ttl = 10_000 } = {},
  ) {
    this.#known = new LRUCache({ max, ttl });
  }

  /** A promise only where the database has to be asked. */
  find(jid: Jid): Account | undefined | Promise<Account | undefined> {
    const known = this.#known.get(jid.bareText);
    return known ? known.account : this.#ask(jid.bare);
  }

  /** What this process has changed about an account; whoever else remembers it is told. */
  forget(jid: Jid): void {
    this.forgetHere(jid);
    this.onForget?.(jid);
  }

  forgetHere(jid: Jid): void {
    this.#known.delete(jid.bareText);
  }

  /** Something that other nodes have changed was not heard. */
  forgetAll(): void {
    this.#known.clear();
  }

  /** Tells the other nodes. */
  onForget: ((jid: Jid) => void) | undefined;

  async #ask(bare: Jid): Promise<Account | undefined> {
    const account = await this.accounts.find(bare);
    this.#known.set(bare.bareText, { account });
    return account;
  }
}
