import { type Element, isElement, type Stanza } from "../../src/plugin/api.js";
import type { CsiOptions } from "./options.js";

const NS_CHAT_STATES = "http://jabber.org/protocol/chatstates";
const NS_HINTS = "urn:xmpp:hints";
const NS_CARBONS = "urn:xmpp:carbons:2";
const NS_FORWARD = "urn:xmpp:forward:0";
const NS_EVENT = "http://jabber.org/protocol/pubsub#event";
const NS_MUC_USER = "http://jabber.org/protocol/muc#user";

type Choice = Omit<CsiOptions, "maxHeld">;

/**
 * What a stanza tells the latest of, if it can wait: a later one of the same subject takes its place. Undefined: the client
 * is to have it at once. XEP-0352 §3.2
 */
export function subjectOf(stanza: Stanza, options: Choice): string | undefined {
  switch (stanza.kind) {
    case "presence":
      return options.presence ? presenceSubject(stanza) : undefined;
    case "message":
      return messageSubject(stanza, options);
    case "iq":
      return undefined;
  }
}

function presenceSubject(presence: Stanza): string | undefined {
  const { type } = presence;
  // Requests and answers, subscriptions and errors, are for people.
  if (type !== undefined && type !== "unavailable") return undefined;
  // What a room says of the client itself (XEP-0045 §7.2.2): it may have been thrown out.
  const statuses = presence.getChild("x", NS_MUC_USER)?.getChildren("status") ?? [];
  if (statuses.some((status) => status.attrs.code === "110")) return undefined;
  return `presence ${presence.from} ${presence.to?.bareText}`;
}

function messageSubject(message: Stanza, { chatStates, notifications }: Choice): string | undefined {
  if (message.type === "error") return undefined;
  const children = message.children.filter(isElement);
  if (notifications && children.length > 0) {
    const event = children.find((child) => child.is("event", NS_EVENT));
    if (event && !children.some((child) => child.getName() === "body")) {
      return eventSubject(message, event);
    }
  }
  if (!chatStates) return undefined;
  if (tellsChatState(children)) return `state ${message.from}`;
  return copiedState(children[0]);
}

/** Notifications of the same items; what is published under one name replaces what was there (XEP-0060 §7.1.2). */
function eventSubject(message: Stanza, event: Element): string | undefined {
  const items = event.getChild("items");
  // Purged, deleted, configured anew: that says something of all items, and is rare.
  if (!items || event.getChildElements().length > 1) return undefined;
  const ids = items.getChildElements().map(({ attrs }) => attrs.id ?? "");
  return `event ${message.from} ${JSON.stringify([items.attrs.node, ...ids])}`;
}

/** XEP-0085 §5.2: a notification that stands alone. */
function tellsChatState(children: readonly Element[]): boolean {
  return children.some((child) => child.getNS() === NS_CHAT_STATES) && children.every(isChatStateOrAbout);
}

function isChatStateOrAbout(child: Element): boolean {
  const ns = child.getNS();
  return ns === NS_CHAT_STATES || ns === NS_HINTS || child.getName() === "thread";
}

/** A carbon copy (XEP-0280) of a chat state. */
function copiedState(wrapper: Element | undefined): string | undefined {
  if (wrapper?.getNS() !== NS_CARBONS) return undefined;
  const message = wrapper.getChild("forwarded", NS_FORWARD)?.getChild("message", "jabber:client");
  if (!message || !tellsChatState(message.getChildElements())) return undefined;
  return `copy ${wrapper.getName()} ${message.attrs.from} ${message.attrs.to}`;
}
