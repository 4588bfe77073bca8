/** Names in SASL messages: who authenticates, and as whom he wants to act. */
import { Jid, JidError } from "../xmpp/jid.js";
import { SaslError } from "./types.js";

/** Bytes in one message from a client. Two names of 1023 bytes, each byte escaped, and much room for nonces. */
const MESSAGE_MAX = 16_384;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A message as text.
 * @throws SaslError `malformed-request` where it is too long or no UTF-8.
 */
export function decodeMessage(message: Buffer): string {
  if (message.length > MESSAGE_MAX) throw new SaslError("malformed-request", "message too long");
  try {
    return utf8.decode(message);
  } catch (cause) {
    throw new SaslError("malformed-request", "message is not UTF-8", { cause });
  }
}

/**
 * The account that a name stands for. RFC 6120 §6.3.7: for a user of an XMPP server it is the localpart.
 * @throws SaslError `malformed-request` where no account could have that name.
 */
export function accountOf(username: string, domain: string): Jid {
  try {
    if (username !== "") return Jid.of(username, domain);
  } catch (cause) {
    if (!(cause instanceof JidError)) throw cause;
    throw new SaslError("malformed-request", "not a username", { cause });
  }
  throw new SaslError("malformed-request", "empty username");
}

/**
 * The authorization identity as it goes into the outcome. Nobody may act for somebody else here, so it can only be the
 * bare JID of the account itself (RFC 6120 §6.3.8).
 * @param authzid undefined or "" where the client sent none.
 * @throws SaslError `invalid-authzid`.
 */
export function checkAuthzid(authzid: string | undefined, account: Jid): string | undefined {
  if (!authzid) return undefined;
  if (!account.equals(Jid.tryParse(authzid))) throw new SaslError("invalid-authzid");
  return account.text;
}
