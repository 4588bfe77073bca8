/** Discovering Alternative XMPP Connection Methods: XEP-0156. */
import { definePlugin, HttpError, type HttpResponse, serialize, text, xml, z } from "../src/plugin/api.js";

const NS_XRD = "http://docs.oasis-open.org/ns/xri/xrd-1.0";
const REL = "urn:xmpp:alt-connections:";

const address = (scheme: string, what: string) =>
  text(`an address that begins with ${scheme}://`)
    .refine((value) => value.startsWith(`${scheme}://`), `expected an address that begins with ${scheme}://`)
    .optional()
    .describe(`The address to tell for ${what}; by default this server's own.`);

const options = z.strictObject({
  websocket: address("wss", "WebSocket"),
  bosh: address("https", "BOSH"),
});

interface Link {
  rel: string;
  href: string;
}

export default definePlugin<z.output<typeof options>>({
  name: "host-meta",
  about: "Tells web clients where to find WebSocket and BOSH.",
  options,
  setup(ctx, given) {
    /** §2.2: only addresses that are protected by TLS; there may be none. */
    const links = (): Link[] => {
      const own = ctx.webAddress;
      const websocket = given.websocket ?? (own && `${own.replace(/^https:/, "wss:")}/ws`);
      const bosh = given.bosh ?? (own && `${own}/http-bind`);
      const all = [
        { rel: `${REL}websocket`, href: websocket },
        { rel: `${REL}xbosh`, href: bosh },
      ];
      const found = all.filter((link): link is Link => link.href !== undefined);
      if (found.length === 0) throw new HttpError(404);
      return found;
    };
    ctx.http({
      method: "GET",
      path: "/.well-known/host-meta",
      handler: (_request, response) => answer(response, "application/xrd+xml; charset=utf-8", toXrd(links())),
    });
    ctx.http({
      method: "GET",
      path: "/.well-known/host-meta.json",
      handler: (_request, response) =>
        answer(response, "application/json", JSON.stringify({ links: links() })),
    });
  },
});

/** RFC 6415 §3 */
function toXrd(links: Link[]): string {
  const all = links.map(({ rel, href }) => xml("Link", { rel, href }));
  return `<?xml version="1.0" encoding="UTF-8"?>\n${serialize(xml("XRD", { xmlns: NS_XRD }, ...all))}\n`;
}

function answer(response: HttpResponse, contentType: string, body: string): void {
  // §3: pages of any web site may read these files, and only these.
  response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Cross-Origin-Resource-Policy", "cross-origin");
  response.setHeader("Cache-Control", "public, max-age=3600");
  response.writeHead(200, { "Content-Type": contentType });
  response.end(body);
}
