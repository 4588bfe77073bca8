import type { AccountCache } from "../storage/account-cache.js";
import { StanzaError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { Archiving } from "./archiving.js";
import type { Delivery } from "./delivery.js";
import type { Domain } from "./domain.js";
import type { Requests } from "./requests.js";

/** Where a stanza for a domain that is not served here goes. */
export interface RemoteDomains {
  /** @throws StanzaError `remote-server-not-found` and the like, or rejects with it. */
  route(stanza: Stanza): undefined | Promise<void>;
}

/** Whose domain is it? RFC 6120 §10, RFC 6121 §8. */
export class Router {
  constructor(
    private readonly domains: ReadonlyMap<string, Domain>,
    private readonly delivery: Delivery,
    private readonly remote: RemoteDomains,
    private readonly accounts: AccountCache,
    private readonly requests: Requests,
    private readonly archiving: Archiving,
  ) {}

  /**
   * @param stanza with `from` and `to`.
   * @throws StanzaError (or rejects with it) what the sender is to be told.
   */
  route(stanza: Stanza): undefined | Promise<void> {
    const to = stanza.to as Jid;
    const domain = this.domains.get(to.domain);
    if (!domain) return this.#toRemote(stanza);
    if (to.local === "") return this.#toServer(domain, stanza);
    const handled = domain.hooks.fire("stanza:deliver", { account: to.bare, stanza });
    if (handled instanceof Promise) {
      return handled.then((yes) => (yes ? undefined : this.#toAccount(domain, stanza)));
    }
    return handled === true ? undefined : this.#toAccount(domain, stanza);
  }

  #toRemote(stanza: Stanza): undefined | Promise<void> {
    if (stanza.kind !== "message") return this.remote.route(stanza);
    const message = this.archiving.withoutForged(stanza);
    const sent = this.remote.route(message);
    return sent instanceof Promise
      ? sent.then(() => this.delivery.keepSent(message))
      : this.delivery.keepSent(message);
  }

  #toAccount(domain: Domain, stanza: Stanza): undefined | Promise<void> {
    const asks = stanza.kind === "iq" && (stanza.type === "get" || stanza.type === "set");
    if (!asks || stanza.to?.resource !== "") return this.delivery.deliver(domain, stanza);
    // §8.5.1: an iq for an account that does not exist is answered as one that nobody understands.
    const account = this.accounts.find(stanza.to);
    if (account instanceof Promise) {
      return account.then((found) => this.#iqToAccount(domain, stanza, found !== undefined));
    }
    return this.#iqToAccount(domain, stanza, account !== undefined);
  }

  #iqToAccount(domain: Domain, iq: Stanza, exists: boolean): undefined | Promise<void> {
    // The account of an anonymous session is not stored, but its owner may ask it.
    if (!exists && !iq.to?.equals(iq.from?.bare) && !domain.iqs.answersMissing(iq))
      throw new StanzaError("service-unavailable");
    return this.delivery.deliver(domain, iq);
  }

  /** RFC 6120 §10.3, §10.5.3: the server itself understands iqs only. */
  #toServer(domain: Domain, stanza: Stanza): undefined | Promise<void> {
    if (stanza.kind === "iq" && (stanza.type === "get" || stanza.type === "set")) {
      if (stanza.to?.resource !== "") throw new StanzaError("service-unavailable");
      return this.delivery.answer(domain, stanza, ["server"]);
    }
    if (stanza.kind === "iq") this.requests.settle(stanza);
    if (stanza.kind === "message" && stanza.type !== "error") throw new StanzaError("service-unavailable");
    return undefined;
  }
}

/** No other server is reached. RFC 6120 §10.4 */
export const noRemoteDomains: RemoteDomains = {
  route() {
    throw new StanzaError("remote-server-not-found");
  },
};
