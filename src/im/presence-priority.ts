import { isElement, type Stanza, StanzaError } from "../plugin/api.js";

/**
 * The priority that an available presence states, 0 if none. RFC 6121 §4.7.2.3
 * @throws StanzaError `bad-request` unless it is one integer from -128 to 127.
 */
export function priorityOf(presence: Stanza): number {
  const stated = presence.getChildren("priority", presence.getNS());
  if (stated.length === 0) return 0;
  const text = stated[0].getText().trim();
  const value = Number(text);
  const isPlain = stated.length === 1 && !stated[0].children.some(isElement) && /^[+-]?\d+$/.test(text);
  if (!isPlain || value < -128 || value > 127) {
    throw new StanzaError("bad-request", { text: "a priority is one integer from -128 to 127" });
  }
  // Not -0.
  return value + 0;
}
