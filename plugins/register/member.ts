import {
  type Account,
  type Element,
  type IqHandler,
  type PluginContext,
  StanzaError,
  xml,
} from "../../src/plugin/api.js";
import { accountOf, credentialsOf } from "./fields.js";
import { NS_REGISTER } from "./namespace.js";
import type { RegisterOptions } from "./options.js";

type Iq = Parameters<IqHandler>[0];

/** Somebody who has logged in, and his own account: XEP-0077 §3.2, §3.3. */
export class Members {
  constructor(
    private readonly ctx: PluginContext,
    private readonly options: RegisterOptions,
  ) {}

  /** §3.1: an entity that is registered is told so. */
  async get(iq: Iq): Promise<Element> {
    const { jid } = await this.#account(iq, "service-unavailable");
    const fields = [xml("registered"), xml("username", {}, jid.local), xml("password")];
    return xml("query", { xmlns: NS_REGISTER }, ...fields);
  }

  async set(iq: Iq, query: Element): Promise<undefined> {
    if (query.getChild("remove")) await this.#remove(iq, query);
    else await this.#changePassword(iq, query);
  }

  async #remove(iq: Iq, query: Element): Promise<void> {
    // §3.2, table 1
    if (query.getChildElements().length > 1) throw new StanzaError("bad-request");
    if (!this.options.removal) throw new StanzaError("not-allowed");
    const account = await this.#account(iq, "registration-required");
    if (!(await this.ctx.removeAccount(account))) throw new StanzaError("registration-required");
  }

  async #changePassword(iq: Iq, query: Element): Promise<void> {
    const { ctx, options } = this;
    // §3.3, table 2
    if (!options.passwordChange) throw new StanzaError("not-allowed");
    const account = await this.#account(iq, "not-allowed");
    const name = query.getChildText("username");
    const password = query.getChildText("password");
    if (!name || !password)
      throw new StanzaError("bad-request", { text: "user name and password are required" });
    if (!account.jid.equals(accountOf(name, ctx.domain))) throw new StanzaError("not-allowed");
    if (options.secureOnly && !ctx.sessions.get(iq.from)?.session?.secure) {
      throw new StanzaError("not-authorized", { type: "modify", text: "the connection is not encrypted" });
    }
    const credentials = await credentialsOf(password, ctx.iterations, options);
    await ctx.storage.accounts.setCredentials(account.jid, credentials);
    ctx.log.info({ account: account.jid.text }, "a password was changed by its user");
  }

  /**
   * The sender's own account: he asks the server, or his bare JID.
   * @param otherwise what somebody gets who has none here
   */
  async #account(
    { from, to }: Iq,
    otherwise: "not-allowed" | "registration-required" | "service-unavailable",
  ): Promise<Account> {
    // The same whether the account that is meant exists or not.
    if (to.local !== "" && !from.sameBare(to)) throw new StanzaError("forbidden");
    const account = await this.ctx.account(from.bare);
    if (!account) throw new StanzaError(otherwise);
    return account;
  }
}
