import { accountOf, checkAuthzid, decodeMessage } from "./identity.js";
import { deriveCredentials, fakeCredentials, isOutdated, verifyPassword } from "./keys.js";
import { type AuthContext, type Mechanism, type Outcome, SaslError } from "./types.js";

/** PLAIN, RFC 4616: the password itself, so only for streams that are encrypted. */
export class Plain implements Mechanism {
  constructor(private readonly context: AuthContext) {}

  async step(message: Buffer): Promise<Outcome> {
    // RFC 4616 §2: [authzid] NUL authcid NUL passwd, and no other NUL.
    const [authzid, name, password, ...more] = decodeMessage(message).split("\0");
    if (!name || !password || more.length > 0)
      throw new SaslError("malformed-request", "not a message of PLAIN");
    const { domain, iterations } = this.context;
    const account = accountOf(name, domain);
    const authorized = checkAuthzid(authzid, account);
    const keys = await this.context.credentials(account.local);
    // A user who does not exist, or has no keys, costs the same derivation.
    const known = keys !== undefined && Object.keys(keys).length > 0;
    const fake = await fakeCredentials(this.context, account);
    const right = await verifyPassword(password, known ? keys : fake);
    if (!known || !right) throw new SaslError("not-authorized");
    // Only now is the password here; SCRAM never sees it.
    if (isOutdated(keys, iterations))
      await this.context.renew(account.local, keys, await deriveCredentials(password, iterations));
    return { kind: "success", username: account.local, authzid: authorized };
  }
}
