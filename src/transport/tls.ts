import { X509Certificate } from "node:crypto";
import type { Socket } from "node:net";
import { type SecureContext, type SecureVersion, TLSSocket, type TLSSocketOptions } from "node:tls";
import type { TlsFacts } from "./connection.js";

/** Looks certificates up by the name the client asked for (SNI). */
export interface CertificateSource {
  secureContext(servername: string | undefined): SecureContext;
  /** RFC 5929 §4.1 */
  certificateHash(servername: string | undefined): Buffer | undefined;
}

export interface TlsSettingsOptions {
  minVersion: SecureVersion;
  /** Channel-binding types to tell of. */
  bindings: readonly string[];
  clientCertificates: "off" | "request";
}

/** One way to speak TLS for all listeners: STARTTLS and direct TLS. */
export class TlsSettings {
  constructor(
    readonly certificates: CertificateSource,
    readonly options: TlsSettingsOptions,
  ) {}

  /**
   * @param domain the stream's `to`, used where the client sends no SNI.
   * @param protocol the application protocol to agree on (ALPN); XEP-0368: direct TLS for clients is "xmpp-client".
   */
  wrap(socket: Socket, domain: string | undefined, protocol = "xmpp-client"): TLSSocket {
    const tls = new TLSSocket(socket, this.socketOptions(domain, protocol));
    names.set(tls, domain);
    // What breaks below TLS breaks the connection above it.
    socket.on("error", (error) => tls.destroy(error));
    // What breaks within TLS once the handshake is over ends only those sockets that a tls.Server has made.
    tls.on("_tlsError", (error: Error) => tls.destroy(error));
    return tls;
  }

  socketOptions(domain: string | undefined, protocol: string): TLSSocketOptions {
    const { certificates } = this;
    return {
      isServer: true,
      secureContext: certificates.secureContext(domain),
      requestCert: this.options.clientCertificates === "request",
      rejectUnauthorized: false,
      ALPNProtocols: [protocol],
      SNICallback: (name, done) => done(null, certificates.secureContext(name)),
    };
  }

  facts(socket: TLSSocket): TlsFacts {
    const name = (socket as { servername?: string | false }).servername || names.get(socket);
    const protocol = socket.getProtocol() ?? "unknown";
    const bindings = new Map<string, Buffer>();
    for (const type of this.options.bindings) {
      const hash =
        type === "tls-server-end-point" ? this.certificates.certificateHash(name || undefined) : undefined;
      if (hash) bindings.set(type, hash);
      // RFC 9266 §4.2: only where TLS 1.3, or the extended master secret that cannot be seen from here, makes it unique.
      if (type === "tls-exporter" && protocol === "TLSv1.3") {
        bindings.set(type, socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0)));
      }
    }
    return { protocol, bindings, clientCertificate: trustedCertificate(socket) };
  }
}

const names = new WeakMap<TLSSocket, string | undefined>();

/** What of a TLS socket is not in its types: the engine's word on the peer's certificate, null where it is trusted. */
interface Verified {
  ssl?: { verifyError?(): Error | null } | null;
}

function trustedCertificate(socket: TLSSocket): X509Certificate | undefined {
  // `authorized` is set only on sockets that a tls.Server has made. Whatever cannot be asked is not trusted.
  if ((socket as unknown as Verified).ssl?.verifyError?.() !== null) return undefined;
  const raw = socket.getPeerCertificate()?.raw;
  return raw ? new X509Certificate(raw) : undefined;
}
