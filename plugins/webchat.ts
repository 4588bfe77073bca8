/** A client for web browsers: Converse, served from its npm package and set up for this server. */
import {
  definePlugin,
  type HttpRequest,
  type HttpResponse,
  listOf,
  type PluginContext,
  text,
  z,
} from "../src/plugin/api.js";
import { Assets } from "./webchat/assets.js";
import { pageFor } from "./webchat/page.js";
import { contentSecurityPolicy } from "./webchat/policy.js";
import { startScript } from "./webchat/start-script.js";

const PATH = "/webchat/";
const START = `${PATH}start.js`;

const isOrigin = (value: string) =>
  /^https?:/i.test(value) && URL.canParse(value) && new URL(value).origin === value;

const options = z.strictObject({
  title: text("a title").prefault("Sluice").describe("The title of the page."),
  origins: listOf(
    text("a web origin").refine(isOrigin, "expected a web origin such as https://files.example.org"),
  )
    .prefault([])
    .describe(
      "Other web origins that the page may send files to and show pictures from, such as that of baseUrl of the plugin upload.",
    ),
});

export default definePlugin<z.output<typeof options>>({
  name: "webchat",
  about: "A client for web browsers, at the address of the http and https listeners.",
  options,
  async setup(ctx, { title, origins }) {
    const assets = await Assets.find(PATH);
    /** Where files are uploaded, if that is not where the page is. */
    const allOrigins = () => {
      const own = [ctx.localWebAddress, ctx.webAddress].filter((origin) => origin !== undefined);
      return [...new Set([...own, ...origins])];
    };
    const page = pageFor({ title, start: START, assets: assets.path });
    const sendPage = (request: HttpRequest, response: HttpResponse) => {
      const policy = contentSecurityPolicy(request.headers.host, allOrigins());
      response.setHeader("Content-Security-Policy", policy);
      response.setHeader("Cross-Origin-Opener-Policy", "same-origin");
      answer(response, "text/html; charset=utf-8", page);
    };
    const sendStart = (response: HttpResponse) => {
      const hosts = allOrigins().map((origin) => new URL(origin).hostname);
      const script = startScript({ domain: ctx.domain, assets: assets.path, hosts, omemo: hasPep(ctx) });
      answer(response, "text/javascript; charset=utf-8", script);
    };
    ctx.http({
      method: "GET",
      path: "/",
      has: () => false,
      handler: sendPage,
    });
    ctx.http({
      method: "GET",
      path: START,
      handler: (_request, response) => sendStart(response),
    });
    ctx.http({
      method: "GET",
      path: PATH,
      has: (path) => assets.has(path),
      handler: (request, response) => {
        if (request.path === PATH) return sendPage(request, response);
        return assets.answer(request, response);
      },
    });
  },
});

function hasPep(ctx: PluginContext): boolean {
  const { identities } = ctx.announced("account");
  return identities.some(({ category, type }) => category === "pubsub" && type === "pep");
}

/** What depends on the configuration is asked for each time. */
function answer(response: HttpResponse, contentType: string, body: string): void {
  response.setHeader("Cache-Control", "no-cache");
  response.writeHead(200, { "Content-Type": contentType, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}
