import { Jid } from "../xmpp/jid.js";
import { AdminError } from "./admin-error.js";

/**
 * The address of an account of this server, in canonical form.
 * @param domains those served here.
 * @throws AdminError
 */
export function accountAddress(text: string, domains: readonly string[]): Jid {
  const jid = Jid.tryParse(text);
  if (!jid || jid.local === "" || jid.resource !== "") {
    throw new AdminError(
      `${text} is no account address: write name@domain, with letters, digits, dots, hyphens or underscores in the name.`,
    );
  }
  requireServed(jid.domain, domains);
  return jid;
}

/** @throws AdminError for a domain that is not served here. */
export function requireServed(domain: string, domains: readonly string[]): void {
  if (domains.includes(domain)) return;
  throw new AdminError(
    `${domain} is not served here; it would have to stand under domains in the configuration.`,
  );
}
