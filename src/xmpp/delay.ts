import { isElement, xml } from "../xml/element.js";
import type { Stanza } from "./stanza.js";

const NS_DELAY = "urn:xmpp:delay";
/** ms after which a message counts as delayed. */
export const LATE = 2000;

/**
 * XEP-0203: who kept it, and since when.
 * @param since ms since 1970
 */
export function withDelay(stanza: Stanza, keeper: string, since: number): Stanza {
  const stamp = new Date(since).toISOString();
  return stanza.withAppended(xml("delay", { xmlns: NS_DELAY, from: keeper, stamp }));
}

/** Whether somebody has said that he kept it. */
export function isDelayedBy(stanza: Stanza, keeper: string): boolean {
  return stanza.children.some(
    (child) => isElement(child) && child.is("delay", NS_DELAY) && child.attrs.from === keeper,
  );
}
