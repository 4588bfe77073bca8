import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { HttpError } from "./http-error.js";
import type { HttpPeer } from "./http-peer.js";

/** Takes over a connection: RFC 9110 §7.8. Or throws an HttpError, which refuses it. */
export type UpgradeHandler = (request: IncomingMessage, socket: Socket, head: Buffer, peer: HttpPeer) => void;

/** Who takes over connections, by path. */
export class HttpUpgrades {
  readonly #handlers = new Map<string, UpgradeHandler>();

  /** @returns takes it back. */
  add(path: string, handler: UpgradeHandler): () => void {
    this.#handlers.set(path, handler);
    return () => {
      this.#handlers.delete(path);
    };
  }

  /** @throws HttpError 404 */
  find(request: IncomingMessage): UpgradeHandler {
    const handler = this.#handlers.get((request.url ?? "").split("?")[0]);
    if (!handler) throw new HttpError(404);
    return handler;
  }
}

/** RFC 9110 §7.8: what else may be asked for, or by HTTP/1.0, is ignored. */
export function asksForWebSocket({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== "1.0" && /(^|,)\s*websocket\s*(,|$)/i.test(headers.upgrade ?? "");
}

/** The answer to an upgrade that is not to be; nobody else has the connection any more. */
export function refuse(socket: Socket, status: number): void {
  socket.once("finish", () => socket.destroy());
  // What is still coming is not to keep the end of the connection from being seen.
  socket.resume();
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

/**
 * COMPAT: Node.js lets go of a connection at any `Upgrade` before somebody can say that it is to be ignored. The request
 * is put back, without that header, for the connection to be read once more.
 */
export function putBack(request: IncomingMessage, socket: Socket, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request;
  const lines = [`${method} ${url} HTTP/${httpVersion}`];
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at].toLowerCase() !== "upgrade") lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]));
}
