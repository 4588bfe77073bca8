import saslprep from "saslprep";
import { opaqueString, PrecisError } from "../xmpp/precis.js";

/** A text that cannot be a password: empty, or with code points that passwords may not hold. */
export class PasswordError extends Error {
  constructor(cause: unknown) {
    super("not a possible password", { cause });
    this.name = "PasswordError";
  }
}

/**
 * A password as keys are derived from it: what RFC 8265 §4.2 allows (PLAIN), as SASLprep writes it (RFC 5802 §2.2),
 * so that PLAIN and SCRAM agree on it.
 * @throws PasswordError
 */
export function preparePassword(password: string): string {
  const text = enforce(password);
  try {
    // SASLprep ends at Unicode 3.2. What was assigned since then is let through, as clients do (RFC 4013 §2.5).
    const prepared = saslprep(text, { allowUnassigned: true });
    if (prepared !== "") return prepared;
  } catch (cause) {
    throw new PasswordError(cause);
  }
  throw new PasswordError("empty");
}

function enforce(password: string): string {
  try {
    return opaqueString(password);
  } catch (error) {
    if (error instanceof PrecisError) throw new PasswordError(error);
    throw error;
  }
}
