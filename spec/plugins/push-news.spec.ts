import assert from "node:assert/strict";
import { newsOf } from "../../plugins/push/news.js";
import { type Element, xml } from "../../src/xml/element.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";

const romeo = Jid.parse("romeo@capulet.example/orchard");
const message = (type: string | undefined, ...children: Element[]) =>
  Stanza.make("message", { from: romeo, type }, ...children);

const wakes: Record<string, Element> = {
  text: xml("body", null, "hello"),
  "what is encrypted with OMEMO": xml("encrypted", { xmlns: "eu.siacs.conversations.axolotl" }),
  "what is encrypted with OpenPGP": xml("x", { xmlns: "jabber:x:encrypted" }, "…"),
  "an invitation to a room": xml("x", { xmlns: "jabber:x:conference", jid: "room@conference.example" }),
  "a call": xml("propose", { xmlns: "urn:xmpp:jingle-message:0", id: "1" }),
};
const sleeps: Record<string, Element> = {
  "a receipt": xml("received", { xmlns: "urn:xmpp:receipts", id: "1" }),
  "a chat state": xml("composing", { xmlns: "http://jabber.org/protocol/chatstates" }),
  "an empty text": xml("body"),
  "a subject": xml("subject", null, "Balcony"),
};

describe("What a push notification is sent for", () => {
  for (const [title, child] of Object.entries(wakes)) {
    it(`is ${title}`, () => assert.equal(newsOf(message("chat", child))?.sender, romeo.text));
  }

  for (const [title, child] of Object.entries(sleeps)) {
    it(`is not ${title}`, () => assert.equal(newsOf(message("chat", child)), undefined));
  }

  it("is not an error, whatever it quotes", () => {
    assert.equal(newsOf(message("error", xml("body", null, "hello"))), undefined);
  });

  it("takes along the beginning of a long text, and no half characters", () => {
    const body = newsOf(message("chat", xml("body", null, "😀".repeat(5000))))?.body ?? "";
    assert.equal(body, "😀".repeat(1024));
  });
});
