import { deriveCredentials } from "../auth/keys.js";
import { PasswordError } from "../auth/password.js";
import type { Credentials } from "../auth/types.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { AccountRepository } from "../storage/types.js";
import type { Jid } from "../xmpp/jid.js";
import { accountAddress, requireServed } from "./account-address.js";
import { AdminError } from "./admin-error.js";
import type { AccountRemoval } from "./removal.js";

/** Accounts read from the database at a time. */
const PAGE = 500;

/** What an admin may do with accounts in the database alone, whether a server runs or not. */
export class StoredAccounts {
  /** @param domains those served here. */
  constructor(
    protected readonly accounts: AccountRepository,
    private readonly domains: readonly string[],
    private readonly iterations: number,
  ) {}

  /** @throws AdminError */
  async add(jid: string, password: string): Promise<void> {
    const account = this.own(jid);
    const credentials = await this.#credentials(password);
    if (!(await this.accounts.create(account, credentials)))
      throw new AdminError(`The account ${account} exists already.`);
  }

  /** @throws AdminError */
  async setPassword(jid: string, password: string): Promise<void> {
    const account = this.own(jid);
    const credentials = await this.#credentials(password);
    if (!(await this.accounts.setCredentials(account, credentials))) throw noSuchAccount(account);
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

  /** @throws AdminError */
  protected own(text: string): Jid {
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

/** What an admin may do with accounts in a server. */
export class AccountAdmin extends StoredAccounts {
  constructor(
    accounts: AccountRepository,
    domains: readonly string[],
    iterations: number,
    private readonly running: { cache: AccountCache; removal: AccountRemoval },
  ) {
    super(accounts, domains, iterations);
  }

  override async add(jid: string, password: string): Promise<void> {
    await super.add(jid, password);
    this.running.cache.forget(this.own(jid));
  }

  /** As when its user removes it: see `AccountRemoval`. @throws AdminError */
  async remove(jid: string): Promise<void> {
    const account = this.own(jid);
    if (!(await this.running.removal.remove(account))) throw noSuchAccount(account);
  }
}

function noSuchAccount(jid: Jid): AdminError {
  return new AdminError(`There is no account ${jid}.`);
}
