import type { IncomingMessage, ServerResponse } from "node:http";
import { HttpError } from "./http-error.js";
import type { HttpPeer } from "./http-peer.js";

/** Which web sites' pages may use what is here: WHATWG Fetch, HTTP CORS protocol. */
export class HttpOrigins {
  readonly #any: boolean;

  /**
   * @param named `*` among them for all.
   * @param own where this server's own pages are.
   */
  constructor(
    private readonly named: readonly string[],
    private readonly own: () => readonly string[],
  ) {
    this.#any = named.includes("*");
  }

  /** @throws HttpError 403 */
  check(request: IncomingMessage, peer: HttpPeer): void {
    if (!this.#allows(request, peer)) throw new HttpError(403);
  }

  /** Tells the browser as well. Nothing here knows cookies, so all origins may be allowed. @throws HttpError 403 */
  allow(request: IncomingMessage, peer: HttpPeer, response: ServerResponse): void {
    if (!this.#any) response.setHeader("Vary", "Origin");
    this.check(request, peer);
    const { origin } = request.headers;
    response.setHeader("Access-Control-Allow-Origin", this.#any || origin === undefined ? "*" : origin);
    response.setHeader("Cross-Origin-Resource-Policy", "cross-origin");
  }

  /** Only browsers tell an origin; what has none is no page of anybody's. */
  #allows({ headers: { origin, host } }: IncomingMessage, peer: HttpPeer): boolean {
    if (origin === undefined || this.#any || this.named.includes(origin)) return true;
    return origin === askedOf(host, peer) || this.own().includes(origin);
  }
}

/** The origin that a request was sent to. */
function askedOf(host: string | undefined, { tls, proxied, secure }: HttpPeer): string {
  const encrypted = tls !== undefined || (proxied && secure);
  return `${encrypted ? "https" : "http"}://${host?.toLowerCase()}`;
}
