import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "./http-body.js";
import type { HttpPeer } from "./http-peer.js";

export type HttpMethod = "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
export type HttpResponse = ServerResponse;

/** A request, as a route's handler sees it. */
export class HttpRequest {
  readonly method: string;
  /** Not decoded. */
  readonly path: string;
  readonly query: URLSearchParams;

  constructor(
    /** The request itself, for what is too large to be read at once. */
    readonly incoming: IncomingMessage,
    readonly peer: HttpPeer,
  ) {
    this.method = incoming.method === "HEAD" ? "GET" : (incoming.method ?? "");
    const [path, query] = splitTarget(incoming.url ?? "/");
    this.path = path;
    this.query = new URLSearchParams(query);
  }

  get headers(): IncomingMessage["headers"] {
    return this.incoming.headers;
  }

  /** The domain that it was sent to, in lower case, without port. */
  get host(): string {
    return (this.headers.host ?? "").replace(/:\d*$/, "").toLowerCase();
  }

  /**
   * The whole body.
   * @param limit bytes.
   * @throws HttpError 413 when it is larger.
   */
  read(limit: number): Promise<Buffer> {
    return readBody(this.incoming, limit);
  }
}

/** What answers the requests for one path. */
export interface HttpRoute {
  method: HttpMethod | readonly HttpMethod[];
  /** Starts with a slash; with one at its end it stands for everything below. */
  path: string;
  /** Which of the paths below there are; by default all. Where there is none, no method is allowed either. */
  has?(path: string): boolean;
  /** Pages of the web sites in `http.origins` may use it; those of others are refused. */
  cors?: boolean;
  /** How long the body may take is for the handler to limit, not for `http.requestTimeout`: it may be large. */
  unhurried?: boolean;
  /** Its answers may wait for later requests, so those of one connection are dealt with side by side. */
  held?: boolean;
  /** Answers, or throws. What it throws other than HttpError is logged and becomes a 500 without details. */
  handler(request: HttpRequest, response: HttpResponse): void | Promise<void>;
}

interface Placed {
  route: HttpRoute;
  /** The domain it is for; undefined: any. */
  host: string | undefined;
}

/** All routes by path. */
export class HttpRoutes {
  readonly #byPath = new Map<string, Placed[]>();
  /** Characters of the longest path. */
  #longest = 0;

  /**
   * @param host the domain it is for. A request for a host that no route names gets the first domain's.
   * @returns takes it away.
   */
  add(route: HttpRoute, host?: string): () => void {
    const { path } = route;
    const placed = { route, host };
    this.#byPath.set(path, [...(this.#byPath.get(path) ?? []), placed]);
    this.#longest = Math.max(this.#longest, path.length);
    return () => {
      const left = (this.#byPath.get(path) ?? []).filter((one) => one !== placed);
      if (left.length > 0) this.#byPath.set(path, left);
      else this.#byPath.delete(path);
    };
  }

  /** The routes of a path, one for each method; none: there is no such path. */
  find(path: string, host: string): HttpRoute[] {
    const all = this.#at(path);
    const own = all.filter((one) => one.host === undefined || one.host === host);
    return (own.length > 0 ? own : all).map(({ route }) => route);
  }

  /** The exact path, or the longest that it is below of. */
  #at(path: string): Placed[] {
    const exact = this.#byPath.get(path);
    if (exact) return exact;
    // No further than there are routes: a path that is asked for may be nothing but slashes.
    let above = path.slice(0, this.#longest);
    for (;;) {
      above = above.slice(0, above.lastIndexOf("/") + 1);
      const found = this.#byPath.get(above)?.filter(({ route }) => route.has?.(path) ?? true) ?? [];
      if (found.length > 0 || above === "") return found;
      above = above.slice(0, -1);
    }
  }
}

/** `/path?query`, or a whole URL as RFC 9112 §3.2.2 allows. */
function splitTarget(target: string): [path: string, query: string] {
  const local = target.replace(/^https?:\/\/[^/?]*/i, "");
  const at = local.indexOf("?");
  return at < 0 ? [local || "/", ""] : [local.slice(0, at) || "/", local.slice(at + 1)];
}
