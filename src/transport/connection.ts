import type { X509Certificate } from "node:crypto";
import type { Receipt } from "../session/session.js";
import type { Attrs, Element } from "../xml/element.js";
import type { ParserLimits } from "../xml/parser.js";
import type { StreamError } from "../xmpp/errors.js";

/** What TLS tells of a connection that it protects. */
export interface TlsFacts {
  protocol: string;
  /** Channel-binding data by type (RFC 5929, RFC 9266). */
  bindings: ReadonlyMap<string, Buffer>;
  /** The client's certificate if it sent one and it is trusted. */
  clientCertificate: X509Certificate | undefined;
}

/** What a stream may ask of its socket, whichever the transport. */
export interface Connection {
  readonly transport: "tcp" | "websocket" | "bosh";
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** HTTP without TLS, which never leaves this machine. */
  readonly plainLocal: boolean;
  /** Undefined without TLS. */
  tlsFacts(): TlsFacts | undefined;
  /** Bytes written that the network has not taken yet. */
  readonly queued: number;
  /** Writes the server's stream header (or `<open/>`). */
  writeHeader(attrs: Attrs): void;
  /** Writes one first-level element as text, with others of the same turn. The receipt hears when the bytes went out. */
  write(text: string, receipt?: Receipt): void;
  /** Begins a fresh stream on the same connection: RFC 6120 §4.3.3. */
  restart(): void;
  setLimits(limits: ParserLimits): void;
  /** Turns TLS on once what was written so far is out. Only over a connection that `canStartTls`. */
  startTls(domain: string): void;
  readonly canStartTls: boolean;
  /** Reads no more until `resume`. */
  pause(): void;
  resume(): void;
  /** Writes the footer if a header went out, flushes, and closes; cuts the connection when the other side does not follow in time. */
  end(): void;
  destroy(): void;
}

export interface ConnectionHandler {
  onHeader(header: Element): void;
  onElement(element: Element, inner: string | undefined): void;
  onFooter(): void;
  /** What was read breaks the rules; the handler ends the stream. */
  onError(error: StreamError): void;
  /** The connection is gone; called once, last. */
  onGone(reason: string): void;
}
