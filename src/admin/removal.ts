import type { Logger } from "../log.js";
import { KeyedTurns } from "../plugin/keyed-turns.js";
import type { Domain } from "../router/domain.js";
import type { Registry } from "../session/registry.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { AccountRepository } from "../storage/types.js";
import { StreamError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";

/** The one way in which an account goes, whether its user or an admin wants it. */
export class AccountRemoval {
  readonly #turns = new KeyedTurns();

  constructor(
    private readonly domains: ReadonlyMap<string, Domain>,
    private readonly accounts: AccountRepository,
    private readonly cache: AccountCache,
    private readonly registry: Registry,
    private readonly log: Logger,
  ) {}

  /**
   * Cancels the account's subscriptions both ways, removes it with all that is kept for it, and ends its sessions.
   * XEP-0077 §3.2
   * @param jid of a domain that is served here
   * @returns false when there is no such account
   */
  remove(jid: Jid): Promise<boolean> {
    return this.#turns.run(jid.bareText, () => this.#remove(jid.bare));
  }

  async #remove(jid: Jid): Promise<boolean> {
    const account = await this.accounts.find(jid);
    if (!account) return false;
    await this.domains.get(jid.domain)?.hooks.fire("account:removing", { account });
    const removed = await this.accounts.remove(jid);
    this.cache.forget(jid);
    if (!removed) return false;
    this.log.info({ account: jid.text }, "an account was removed");
    // Whoever asked for it from a session of that account is to have the answer first.
    setImmediate(() => this.#endSessions(jid));
    return true;
  }

  #endSessions(jid: Jid): void {
    const error = new StreamError("not-authorized", "the account was removed");
    for (const resource of this.registry.of(jid)) {
      this.registry.close(resource, error).catch((cause: unknown) => {
        this.log.error({ err: cause, session: resource.jid.text }, "a session of a removed account goes on");
      });
    }
  }
}
