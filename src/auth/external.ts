import { Jid } from "../xmpp/jid.js";
import { checkAuthzid, decodeMessage } from "./identity.js";
import { type AuthContext, type Mechanism, type Outcome, SaslError } from "./types.js";

/** EXTERNAL for clients: the TLS certificate says who it is. RFC 4422 appendix A, XEP-0178 §2 */
export class External implements Mechanism {
  constructor(private readonly context: AuthContext) {}

  async step(message: Buffer): Promise<Outcome> {
    const authzid = decodeMessage(message);
    const accounts = this.#accounts();
    const [first] = accounts;
    if (!first) throw new SaslError("not-authorized", "the certificate names no account of this domain");
    if (authzid === "" && accounts.length > 1)
      throw new SaslError("invalid-authzid", "the certificate names several accounts, the client none");
    const wanted = Jid.tryParse(authzid);
    const account = accounts.find((jid) => jid.equals(wanted)) ?? first;
    const authorized = checkAuthzid(authzid, account);
    if (!(await this.context.credentials(account.local)))
      throw new SaslError("not-authorized", "no such account");
    return { kind: "success", username: account.local, authzid: authorized };
  }

  /** Those of the certificate's identities that may be accounts here. */
  #accounts(): Jid[] {
    const jids = this.context.externalIdentities.map((text) => Jid.tryParse(text));
    return jids
      .filter((jid) => jid !== undefined)
      .filter(({ local, domain, isBare }) => {
        return isBare && local !== "" && domain === this.context.domain;
      });
  }
}
