import { randomBytes } from "node:crypto";
import { decodeMessage } from "./identity.js";
import { type Mechanism, type Outcome, SaslError } from "./types.js";

/** RFC 4505 §2: characters of trace information. */
const TRACE_MAX = 255;

/** ANONYMOUS, RFC 4505; in XMPP by XEP-0175: everybody is let in, under a name that nobody had before. */
export class Anonymous implements Mechanism {
  async step(message: Buffer): Promise<Outcome> {
    // What the client says of itself is checked and dropped: it proves nothing.
    if (Array.from(decodeMessage(message)).length > TRACE_MAX)
      throw new SaslError("malformed-request", "trace too long");
    return {
      kind: "success",
      username: randomBytes(16).toString("hex"),
      authzid: undefined,
      anonymous: true,
    };
  }
}
