import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect } from "node:tls";

const PATIENCE_MS = 5000;

/**
 * The certificate that a server on this machine shows, as PEM. It is looked at and not trusted: nothing else is said
 * on that connection. Throws an Error when there is no TLS at `port`.
 */
export async function shownCertificate(port: number, domain: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, servername: domain, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(PATIENCE_MS) });
    return new X509Certificate(socket.getPeerCertificate().raw).toString();
  } finally {
    socket.destroy();
  }
}
