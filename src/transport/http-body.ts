import type { IncomingMessage } from "node:http";
import { HttpError } from "./http-error.js";

/** RFC 9110 §15.5.14 */
export class BodyTooLarge extends HttpError {
  /** @param begun the first that came of it. */
  constructor(readonly begun: Buffer) {
    super(413);
  }
}

/**
 * A request's whole body.
 * @param limit bytes; nothing beyond them is kept.
 * @throws BodyTooLarge, and HttpError 400 for one that was cut short.
 */
export async function readBody(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  const announced = Number(incoming.headers["content-length"] ?? 0);
  const parts: Buffer[] = [];
  let length = 0;
  try {
    // The connection is still wanted for an answer, though what is left is not read.
    for await (const part of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      parts.push(part);
      length += part.length;
      if (Math.max(announced, length) > limit) throw new BodyTooLarge(parts[0]);
    }
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(400);
  }
  return parts.length === 1 ? parts[0] : Buffer.concat(parts, length);
}
