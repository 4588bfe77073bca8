import { accountOf, checkAuthzid, decodeMessage } from "./identity.js";
import { fakeCredentials, verifyPassword } from "./keys.js";
import { type AuthContext, type Mechanism, type Outcome, SaslError } from "./types.js";

/** PLAIN, RFC 4616: the password itself, so only for streams that are encrypted. */
export class Plain implements Mechanism {
  constructor(private readonly context: AuthContext) {}

  async step(message: Buffer): Promise<Outcome> {
    // RFC 4616 §2: [authzid] NUL authcid NUL passwd, and no other NUL.
    const [authzid, name, password, ...more] = decodeMessage(message).split("\0");
    if (!name || !password || more.length > 0)
      throw new SaslError("malformed-request", "not a message of PLAIN");
    const { domain, secret, iterations } = this.context;
    const account = accountOf(name, domain);
    const authorized = checkAuthzid(authzid, account);
    const keys = await this.context.credentials(account.local);
    // A user who does not exist, or has no keys, costs the same derivation.
    const known = keys !== undefined && Object.keys(keys).length > 0;
    const right = await verifyPassword(
      password,
      known ? keys : fakeCredentials(secret, account.local, iterations),
    );
    if (!known || !right) throw new SaslError("not-authorized");
    return { kind: "success", username: account.local, authzid: authorized };
  }
}
