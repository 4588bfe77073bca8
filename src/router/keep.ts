/** Which messages wait for their recipient, and which are only for the moment. */
import { isElement } from "../xml/element.js";
import type { Stanza } from "../xmpp/stanza.js";

const NS_HINTS = "urn:xmpp:hints";
const NS_CHAT_STATES = "http://jabber.org/protocol/chatstates";

/** RFC 6121 §5.2.2: an unknown type is treated as `normal`. */
export type MessageType = "normal" | "chat" | "groupchat" | "headline" | "error";
const types: ReadonlySet<string> = new Set(["chat", "groupchat", "headline", "error"]);

export function messageType(message: Stanza): MessageType {
  const { type } = message;
  return type !== undefined && types.has(type) ? (type as MessageType) : "normal";
}

/** XEP-0160 §3 by type and content; XEP-0334 hints come before that. */
export function isKept(message: Stanza): boolean {
  const type = messageType(message);
  if (type !== "normal" && type !== "chat") return false;
  let content = false;
  for (const child of message.children) {
    if (!isElement(child)) continue;
    const ns = child.attrs.xmlns;
    if (ns === NS_HINTS) {
      // §4.1 forbids archives only; what waits for its recipient does so for the moment (§3.3).
      if (child.name === "no-store") return false;
      if (child.name === "store") return true;
    } else if (ns !== NS_CHAT_STATES && child.name !== "thread") {
      content = true;
    }
  }
  return content;
}
