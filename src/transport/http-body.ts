import type { IncomingMessage } from "node:http";
import { HttpError } from "./http-error.js";

/**
 * A request's whole body.
 * @param limit bytes; nothing beyond them is kept.
 * @throws HttpError 413 for a body that is larger, 400 for one that was cut short.
 */
export async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(incoming.headers["content-length"] ?? 0) > limit) throw new HttpError(413);
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of incoming as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > limit) throw new HttpError(413);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400);
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts, length);
}
