import { deriveCredentials } from "../auth/keys.js";
import type { Registry } from "../session/registry.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { AccountRepository } from "../storage/types.js";
import { StreamError } from "../xmpp/errors.js";
import { Jid } from "../xmpp/jid.js";
import { AdminError } from "./admin-error.js";

/** What an admin may do with accounts, in a server that runs or without one. */
export class AccountAdmin {
  /**
   * @param domains those served here.
   * @param running sessions and cache of the running server, if it runs in this process.
   */
  constructor(
    private readonly accounts: AccountRepository,
    private readonly domains: readonly string[],
    private readonly iterations: number,
    private readonly running?: { registry: Registry; cache: AccountCache },
  ) {}

  /** @throws AdminError */
  async add(jid: string, password: string): Promise<void> {
    const account = this.#own(jid);
    const credentials = await deriveCredentials(password, this.iterations);
    if (!(await this.accounts.create(account, credentials)))
      throw new AdminError(`The account ${account} exists already.`);
    this.running?.cache.forget(account);
  }

  /** @throws AdminError */
  async setPassword(jid: string, password: string): Promise<void> {
    const account = this.#own(jid);
    const credentials = await deriveCredentials(password, this.iterations);
    if (!(await this.accounts.setCredentials(account, credentials))) throw noSuchAccount(account);
  }

  /** Removes the account with all that is kept for it, and ends its sessions. @throws AdminError */
  async remove(jid: string): Promise<void> {
    const account = this.#own(jid);
    if (!(await this.accounts.remove(account))) throw noSuchAccount(account);
    this.running?.cache.forget(account);
    for (const { session } of this.running?.registry.of(account) ?? []) {
      session?.close(new StreamError("not-authorized", "the account was removed"));
    }
  }

  /** All accounts of one domain, or of all, in order. */
  async *list(domain?: string): AsyncGenerator<string> {
    for (const name of domain === undefined ? this.domains : [domain]) {
      let after = "";
      for (;;) {
        const page = await this.accounts.list(name, after, 500);
        for (const jid of page) yield jid.text;
        if (page.length < 500) break;
        after = page[page.length - 1].local;
      }
    }
  }

  #own(text: string): Jid {
    const jid = Jid.tryParse(text);
    if (!jid || jid.local === "" || jid.resource !== "") {
      throw new AdminError(`${text} is no account address; write name@domain.`);
    }
    if (!this.domains.includes(jid.domain)) {
      throw new AdminError(
        `${jid.domain} is not served here; it would have to stand under domains in the config.`,
      );
    }
    return jid;
  }
}

function noSuchAccount(jid: Jid): AdminError {
  return new AdminError(`There is no account ${jid}.`);
}
