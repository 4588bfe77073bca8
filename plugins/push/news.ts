import { type Element, isElement, type Stanza } from "../../src/plugin/api.js";

const NS_CARBONS = "urn:xmpp:carbons:2";
const NS_FORWARD = "urn:xmpp:forward:0";
const NS_ENCRYPTED: ReadonlySet<string | undefined> = new Set([
  // XEP-0384, XEP-0373, XEP-0027
  "urn:xmpp:omemo:2",
  "eu.siacs.conversations.axolotl",
  "urn:xmpp:openpgp:0",
  "jabber:x:encrypted",
]);
/** Characters of a body that a notification takes along. */
const BODY_MAX = 1024;

/** What a message is in a notification. */
export interface News {
  sender: string | undefined;
  body: string | undefined;
}

/** Undefined for a message that nobody needs to be woken for: without text for people, or one's own. */
export function newsOf(stanza: Stanza): News | undefined {
  const message = received(stanza);
  if (!message || message.attrs.type === "error") return undefined;
  const children = message.children.filter(isElement);
  const body = message.getChildText("body", "jabber:client") ?? undefined;
  if (!body && !children.some(isForPeople)) return undefined;
  // By code points, so that no character is cut in two.
  const start = body
    ? Array.from(body.slice(0, 2 * BODY_MAX))
        .slice(0, BODY_MAX)
        .join("")
    : undefined;
  return { sender: message.attrs.from, body: start };
}

/** Of a carbon copy (XEP-0280), what is in it; nothing of what another client of the same account has sent. */
function received(stanza: Stanza): Element | undefined {
  const [wrapper] = stanza.children;
  if (!isElement(wrapper) || wrapper.getNS() !== NS_CARBONS) return stanza;
  return wrapper.getName() === "received"
    ? wrapper.getChild("forwarded", NS_FORWARD)?.getChild("message", "jabber:client")
    : undefined;
}

function isForPeople(child: Element): boolean {
  const ns = child.getNS();
  if (child.getName() === "encrypted" || child.getName() === "openpgp" || ns === "jabber:x:encrypted")
    return NS_ENCRYPTED.has(ns);
  // XEP-0249, XEP-0045 §7.8.2, XEP-0353 §3.1: somebody invites, or calls.
  if (child.is("x", "jabber:x:conference") || child.is("propose", "urn:xmpp:jingle-message:0")) return true;
  return child.is("x", "http://jabber.org/protocol/muc#user") && child.getChild("invite") !== undefined;
}
