/** Subscription requests as they are kept until they are answered. RFC 6121 §3.1.3 */
import { type PluginContext, parseElement, type RosterEntry, Stanza } from "../plugin/api.js";

/**
 * The request as text, complete with what it says of itself. One that is too long is kept without that, against those
 * who would fill the disk (§3.1.3, second security warning).
 * @param maxBytes of UTF-8.
 */
export function requestText(request: Stanza, maxBytes: number): string {
  const text = request.text(true);
  return Buffer.byteLength(text) <= maxBytes ? text : request.withChildren([]).text(true);
}

/** The requests among an account's contacts that are not answered yet. */
export function pendingRequests(ctx: PluginContext, entries: readonly RosterEntry[]): Stanza[] {
  return entries.flatMap(({ request, jid }) => {
    if (request === undefined) return [];
    try {
      return Stanza.of(parseElement(request));
    } catch (error) {
      ctx.log.error({ err: error, contact: jid.text }, "a kept subscription request cannot be read");
      return [];
    }
  });
}
