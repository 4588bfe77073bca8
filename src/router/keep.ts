/** Which messages wait for their recipient, and which are only for the moment. */
import { type Element, isElement } from "../xml/element.js";
import { NS_CLIENT, type Stanza } from "../xmpp/stanza.js";

const NS_HINTS = "urn:xmpp:hints";
const NS_CHAT_STATES = "http://jabber.org/protocol/chatstates";
/** OMEMO (XEP-0384), OpenPGP (XEP-0373, and XEP-0027 of old): what stands in for a body. */
const ENCRYPTED: ReadonlySet<string | undefined> = new Set([
  "eu.siacs.conversations.axolotl",
  "urn:xmpp:omemo:2",
  "urn:xmpp:openpgp:0",
  "jabber:x:encrypted",
]);

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
  let kept = false;
  for (const child of message.children) {
    if (!isElement(child)) continue;
    const ns = namespaceOf(child);
    const name = localName(child);
    if (ns === NS_HINTS) {
      // §4.1 forbids archives only; what waits for its recipient does so for the moment (§3.3).
      // §4.2: whatever else is asked for, and wherever it stands.
      if (name === "no-store") return false;
      kept ||= name === "store";
    } else {
      kept ||= ns !== NS_CHAT_STATES && name !== "thread";
    }
  }
  return kept;
}

/** Whether somebody says something to somebody else: its sender has to hear if nobody gets it, though it may not be kept. */
export function isSaid(message: Stanza): boolean {
  const type = messageType(message);
  if (type !== "normal" && type !== "chat") return false;
  return message.children.some((child) => isElement(child) && isSpeech(child));
}

function isSpeech(child: Element): boolean {
  const ns = namespaceOf(child);
  return (ns === NS_CLIENT && localName(child) === "body") || ENCRYPTED.has(ns);
}

// Of a stanza's children. Prefixes are rare, so the parents are seldom asked.

export function namespaceOf(child: Element): string | undefined {
  return child.name.includes(":") ? child.getNS() : (child.attrs.xmlns ?? NS_CLIENT);
}

export function localName(child: Element): string {
  return child.name.includes(":") ? child.getName() : child.name;
}
