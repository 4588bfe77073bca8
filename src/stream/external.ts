import type { ClientStream } from "./client-stream.js";

const XMPP_ADDRESS =
  /(?:^|, )othername:(?:<unsupported>|1\.3\.6\.1\.5\.5\.7\.8\.5(?:;|::)(?:UTF8:)?([^,]+))/g;
const EMAIL = /(?:^|, )email:([^,\s]+)/g;

/**
 * Bare JIDs that the client's certificate proves: RFC 6120 §13.7.1.4 (id-on-xmppAddr), and e-mail addresses of the
 * domain, XEP-0178 §2.
 */
export function externalIdentities(stream: ClientStream): string[] {
  const names = stream.tls?.clientCertificate?.subjectAltName ?? "";
  const found = [...names.matchAll(XMPP_ADDRESS), ...names.matchAll(EMAIL)].map((match) => match[1]);
  return found.filter((jid): jid is string => jid?.endsWith(`@${stream.domain}`) === true);
}
