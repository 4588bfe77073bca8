import {
  type Credentials,
  deriveCredentials,
  Jid,
  PasswordError,
  StanzaError,
} from "../../src/plugin/api.js";
import type { RegisterOptions } from "./options.js";

/**
 * @returns the address that somebody asks for.
 * @throws StanzaError `not-acceptable` for a name that nobody can have here (XEP-0077 §3.1)
 */
export function chosenAddress(name: string | null, domain: string, options: RegisterOptions): Jid {
  if (!name) throw refused("a user name is required");
  const jid = accountOf(name, domain);
  if (!jid) throw refused("this cannot be a user name");
  const { length } = Array.from(jid.local);
  if (length < options.minNameLength)
    throw refused(`a user name has at least ${options.minNameLength} characters`);
  if (length > options.maxNameLength)
    throw refused(`a user name has at most ${options.maxNameLength} characters`);
  const taken = options.reservedNames.some((reserved) => jid.equals(accountOf(reserved, domain)));
  if (taken) throw refused("this user name is reserved");
  return jid;
}

/** The bare JID of a user name in whatever spelling; undefined for what is no user name. */
export function accountOf(name: string, domain: string): Jid | undefined {
  const jid = Jid.tryParse(`${name}@${domain}`);
  return jid && jid.local !== "" && jid.resource === "" && jid.domain === domain ? jid : undefined;
}

/**
 * What to store for a password that somebody chose.
 * @throws StanzaError `not-acceptable`
 */
export async function credentialsOf(
  password: string,
  iterations: number,
  { minPasswordLength }: RegisterOptions,
): Promise<Credentials> {
  if (Array.from(password).length < minPasswordLength) {
    throw refused(`a password has at least ${minPasswordLength} characters`);
  }
  try {
    return await deriveCredentials(password, iterations);
  } catch (error) {
    if (error instanceof PasswordError) throw refused("this cannot be a password");
    throw error;
  }
}

export function refused(text: string): StanzaError {
  return new StanzaError("not-acceptable", { text });
}
