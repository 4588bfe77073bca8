import type { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";

/** What a deployment's users do. */
export const MODEL = {
  /** Sessions of a node. */
  sessions: 100_000,
  /** Contacts of a user who are online, anywhere. */
  contacts: 20,
  /** s that a session lasts. */
  session: 3600,
  /** s between two changes of its presence. */
  presence: 600,
  /** s between two messages to a contact. */
  message: 120,
  /** Of all logins those of people who were on another node a moment ago, and do not resume. */
  returns: 0.1,
} as const;

/** Characters of the content of a presence: capabilities, an avatar's hash, a status. */
const CONTENT = 350;
const caps = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' ver='${"x".repeat(28)}'/>`;
const content = `${caps}<status>${"y".repeat(CONTENT - caps.length - 17)}</status>`;
const body = `<body>${"z".repeat(60)}</body>`;

export const presenceOf = (from: Jid) =>
  Stanza.ofText(`<presence from="${from.text}" xml:lang="en">${content}</presence>`);

export const unavailable = (from: Jid) => Stanza.make("presence", { from, type: "unavailable" });

export const messageOf = (from: Jid, to: Jid, id: string) =>
  Stanza.ofText(`<message from="${from.text}" to="${to.text}" type="chat" id="${id}">${body}</message>`);
