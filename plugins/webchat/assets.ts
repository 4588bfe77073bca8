import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { HttpError, type HttpRequest, type HttpResponse } from "../../src/plugin/api.js";

const compress = promisify(gzip);

/** What the page needs of the package's `dist`; nothing else of it is served. */
const NEEDED = [
  /^converse\.min\.(js|css)$/,
  /^emoji\.json$/,
  /^libomemo\.esm\.min\.js$/,
  /^curve25519_compiled\.wasm$/,
  /^chunkjs\/locales\/[\w-]+-LC_MESSAGES-converse-po\.js$/,
  /^images\/(favicon\.ico|(logo|custom_emojis)\/[\w-]+\.(png|svg))$/,
  /^sounds\/[\w-]+\.(mp3|ogg)$/,
  /^webfonts\/[\w-]+\.ttf$/,
];

const CONTENT_TYPES: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
  wasm: "application/wasm",
  ico: "image/x-icon",
  png: "image/png",
  svg: "image/svg+xml",
  mp3: "audio/mpeg",
  ogg: "audio/ogg",
  ttf: "font/ttf",
};
/** What is compressed already, or too small for it to matter. */
const AS_IT_IS = /\.(ico|png|mp3|ogg)$/;
const YEAR = 365 * 24 * 60 * 60;

interface Asset {
  file: string;
  contentType: string;
  /** Each read when it is asked for the first time, and kept: there are as many as there are files. */
  bodies: { plain?: Promise<Buffer>; compressed?: Promise<Buffer> };
}

/** The client's files, each under a path that names its version and can be kept for ever. */
export class Assets {
  readonly #byPath = new Map<string, Asset>();

  private constructor(
    /** Of all of them, with a slash at its end. */
    readonly path: string,
    folder: string,
    names: readonly string[],
  ) {
    for (const name of names) {
      if (!NEEDED.some((needed) => needed.test(name))) continue;
      const contentType = CONTENT_TYPES[name.slice(name.lastIndexOf(".") + 1)];
      this.#byPath.set(`${path}${name}`, { file: join(folder, name), contentType, bodies: {} });
    }
  }

  /**
   * Looks through the package.
   * @param above path of the web client, with a slash at its end.
   */
  static async find(above: string): Promise<Assets> {
    const folder = fileURLToPath(new URL(".", import.meta.resolve("converse.js/dist/converse.min.js")));
    const { version } = JSON.parse(await readFile(join(folder, "../package.json"), "utf8")) as {
      version: string;
    };
    const names = await readdir(folder, { recursive: true });
    return new Assets(`${above}${version}/`, folder, names);
  }

  has(path: string): boolean {
    return this.#byPath.has(path);
  }

  async answer({ path, headers, incoming }: HttpRequest, response: HttpResponse): Promise<void> {
    const asset = this.#byPath.get(path);
    if (!asset) throw new HttpError(404);
    const mayCompress = !AS_IT_IS.test(asset.file);
    const compressed = mayCompress && /\bgzip\b/.test(String(headers["accept-encoding"] ?? ""));
    const body = await bodyOf(asset, compressed ? "compressed" : "plain");
    if (mayCompress) response.setHeader("Vary", "Accept-Encoding");
    if (compressed) response.setHeader("Content-Encoding", "gzip");
    response.setHeader("Cache-Control", `public, max-age=${YEAR}, immutable`);
    response.writeHead(200, { "Content-Type": asset.contentType, "Content-Length": body.length });
    response.end(incoming.method === "HEAD" ? undefined : body);
  }
}

function bodyOf({ file, bodies }: Asset, form: keyof Asset["bodies"]): Promise<Buffer> {
  bodies[form] ??= read(file, form).catch((error) => {
    // It may be there the next time.
    delete bodies[form];
    throw error;
  });
  return bodies[form];
}

async function read(file: string, form: keyof Asset["bodies"]): Promise<Buffer> {
  const content = await readFile(file);
  return form === "plain" ? content : compress(content);
}
