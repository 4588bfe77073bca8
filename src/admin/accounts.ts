import { deriveCredentials } from "../auth/keys.js";
import { PasswordError } from "../auth/password.js";
import type { Credentials } from "../auth/types.js";
import type { Registry } from "../session/registry.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { AccountRepository } from "../storage/types.js";
import { StreamError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import { accountAddress, requireServed } from "./account-address.js";
import { AdminError } from "./admin-error.js";

/** Accounts read from the database at a time. */
const PAGE = 500;

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
    const credentials = await this.#credentials(password);
    if (!(await this.accounts.create(account, credentials)))
      throw new AdminError(`The account ${account} exists already.`);
    this.running?.cache.forget(account);
  }

  /** @throws AdminError */
  async setPassword(jid: string, password: string): Promise<void> {
    const account = this.#own(jid);
    const credentials = await this.#credentials(password);
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

  /** All accounts of one domain, or of all, in order. @throws AdminError for a domain that is not served here. */
  async *list(domain?: string): AsyncGenerator<string> {
    if (domain !== undefined) requireServed(domain, this.domains);
    for (const name of domain === undefined ? this.domains : [domain]) yield* this.#listDomain(name);
  }

  async *#listDomain(domain: string): AsyncGenerator<string> {
    let after = "";
    for (;;) {
      const page = await this.accounts.list(domain, after, PAGE);
      for (const jid of page) yield jid.text;
      if (page.length < PAGE) break;
      after = page[page.length - 1].local;
    }
  }

  #own(text: string): Jid {
    return accountAddress(text, this.domains);
  }

  async #credentials(password: string): Promise<Credentials> {
    try {
      return await deriveCredentials(password, this.iterations);
    } catch (error) {
      if (!(error instanceof PasswordError)) throw error;
      throw new AdminError(
        "This cannot be a password: it is empty, or holds characters that passwords may not have, such as control characters.",
      );
    }
  }
}

function noSuchAccount(jid: Jid): AdminError {
  return new AdminError(`There is no account ${jid}.`);
}
