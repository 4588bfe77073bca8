import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { get } from "node:https";
import { text } from "node:stream/consumers";
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

/** What is found at an https address of a server that shows the certificate in this PEM file. */
export async function fetchTrusting(certificate: string, address: string): Promise<string> {
  const request = get(address, { ca: await readFile(certificate), agent: false });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return text(response);
}
