import { type Element, isElement, type Stanza } from "../../src/plugin/api.js";
import { type Direction, NS_CARBONS } from "./copy.js";

const NS_CLIENT = "jabber:client";
const NS_HINTS = "urn:xmpp:hints";
const NS_MUC_USER = "http://jabber.org/protocol/muc#user";
const NS_DIRECT_INVITATION = "jabber:x:conference";
/** XEP-0184, XEP-0085, XEP-0333 */
const CONVERSATION: ReadonlySet<string | undefined> = new Set([
  "urn:xmpp:receipts",
  "http://jabber.org/protocol/chatstates",
  "urn:xmpp:chat-markers:0",
]);

/**
 * XEP-0280 §6.1, but for errors, which depend on what they answer.
 * @param direction what the message is for the account whose resources are to have copies
 */
export function isCopied(message: Stanza, direction: Direction): boolean {
  const { type } = message;
  if (type === "groupchat" || type === "error") return false;
  const children = message.children.filter(isElement);
  if (children.some(forbidsCopies)) return false;
  if (children.some(isInvitation)) return true;
  const inRoom = children.some((child) => child.is("x", NS_MUC_USER));
  // What a participant of a room says in private, the room itself tells to all clients that have joined.
  if (inRoom && message.from?.resource && direction === "received") return false;
  if (inRoom && message.to?.resource && direction === "sent") return true;
  return type === "chat" || children.some((child) => isConversation(child, type));
}

/** §9, XEP-0334 §4.3 */
function forbidsCopies(child: Element): boolean {
  return child.is("private", NS_CARBONS) || child.is("no-copy", NS_HINTS);
}

/** XEP-0249; XEP-0045 §7.8.2 */
function isInvitation(child: Element): boolean {
  if (child.is("x", NS_DIRECT_INVITATION)) return true;
  return child.is("x", NS_MUC_USER) && child.getChild("invite") !== undefined;
}

function isConversation(child: Element, type: string | undefined): boolean {
  if (CONVERSATION.has(child.getNS())) return true;
  // RFC 6121 §5.2.2: a type that nobody knows counts as normal.
  return child.is("body", NS_CLIENT) && type !== "headline";
}
