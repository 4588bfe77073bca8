import type { FileHandle } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { HttpError, type HttpRequest, type HttpResponse } from "../../src/plugin/api.js";
import type { About, UploadFolder } from "./folder.js";
import { handedOut } from "./media-type.js";
import { parsePlace } from "./place.js";
import { parseRange } from "./range.js";

/** Hands out files to whoever knows their address: XEP-0363 §2. */
export class Downloads {
  /** @param path of all uploads, with a slash at its end. */
  constructor(
    private readonly folder: UploadFolder,
    private readonly path: string,
  ) {}

  async answer(request: HttpRequest, response: HttpResponse): Promise<void> {
    const place = parsePlace(request.path.slice(this.path.length));
    const found = place && (await this.folder.find(place.id));
    if (!found) throw new HttpError(404);
    const { about, content } = found;
    try {
      // §5.3: not available any more, even if it is not removed yet
      if (about.name !== place.name || about.until <= Date.now()) throw new HttpError(404);
      await send(request, response, about, content);
    } finally {
      await content.close();
    }
  }
}

async function send(
  { incoming, headers }: HttpRequest,
  response: HttpResponse,
  about: About,
  content: FileHandle,
): Promise<void> {
  // What is uploaded never changes.
  const etag = `"${about.id}"`;
  setHeaders(response, about, etag);
  if (headers["if-none-match"]?.includes(etag)) {
    response.writeHead(304).end();
    return;
  }
  const isHead = incoming.method === "HEAD";
  const sameFile = headers["if-range"] === undefined || headers["if-range"] === etag;
  // RFC 9110 §14.2: ranges are for GET alone.
  const range = sameFile && !isHead ? parseRange(headers.range, about.size) : undefined;
  if (range === "unsatisfiable") {
    response.writeHead(416, { "Content-Range": `bytes */${about.size}`, "Content-Length": 0 }).end();
    return;
  }
  const { start, end } = range ?? { start: 0, end: about.size - 1 };
  response.setHeader("Content-Length", end - start + 1);
  if (range) response.setHeader("Content-Range", `bytes ${start}-${end}/${about.size}`);
  response.writeHead(range ? 206 : 200);
  if (isHead) response.end();
  else await pour(content, { start, end }, response);
}

/** Besides what the server sets for all that it serves: `nosniff`, and a policy and sandbox in which nothing runs. */
function setHeaders(response: HttpResponse, { name, type, until }: About, etag: string): void {
  const { contentType, disposition } = handedOut(type, name);
  response.setHeader("Content-Type", contentType);
  response.setHeader("Content-Disposition", disposition);
  response.setHeader("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox");
  response.setHeader("X-Content-Type-Options", "nosniff");
  response.setHeader("Accept-Ranges", "bytes");
  response.setHeader("ETag", etag);
  const seconds = Math.floor((until - Date.now()) / 1000);
  response.setHeader("Cache-Control", `private, max-age=${seconds}, immutable`);
}

async function pour(
  content: FileHandle,
  range: { start: number; end: number },
  response: HttpResponse,
): Promise<void> {
  try {
    await pipeline(content.createReadStream({ ...range, autoClose: false }), response);
  } catch (error) {
    // Whoever asked has gone, or reads no more.
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
}
