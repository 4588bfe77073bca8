import assert from "node:assert/strict";
import { ARCHIVE_RULES, isArchivable } from "../../src/router/archivable.js";
import { isKept } from "../../src/router/keep.js";
import { parseElement } from "../../src/xml/parse.js";
import { Stanza } from "../../src/xmpp/stanza.js";

const message = (children: string, type?: string) =>
  Stanza.of(
    parseElement(`<message xmlns="jabber:client"${type ? ` type="${type}"` : ""}>${children}</message>`),
  );

const BODY = "<body>hi</body>";
const hint = (name: string) => `<${name} xmlns="urn:xmpp:hints"/>`;

describe("What belongs in archives", () => {
  for (const [title, children, expected] of [
    ["a body", BODY, true],
    ["a body with a chat state", `${BODY}<active xmlns="http://jabber.org/protocol/chatstates"/>`, true],
    ["a body of another namespace", `<body xmlns="urn:example:unknown">hi</body>`, false],
    ["a body with a prefix", `<c:body xmlns:c="jabber:client">hi</c:body>`, true],
    ["a chat state", `<composing xmlns="http://jabber.org/protocol/chatstates"/>`, false],
    ["a subject alone", "<subject>news</subject>", false],
    ["nothing", "", false],
    ["what is said in secret", `<encrypted xmlns="urn:xmpp:omemo:2"/>`, true],
    ["a receipt", `<received xmlns="urn:xmpp:receipts" id="1"/>`, true],
    ["the wish for a receipt alone", `<request xmlns="urn:xmpp:receipts"/>`, false],
    ["a read marker", `<displayed xmlns="urn:xmpp:chat-markers:0" id="1"/>`, true],
    ["the wish for markers alone", `<markable xmlns="urn:xmpp:chat-markers:0"/>`, false],
    ["what its sender wants stored", `<x xmlns="urn:example:unknown"/>${hint("store")}`, true],
    ["what its sender does not want stored", BODY + hint("no-store"), false],
    ["what its sender does not want stored for good", BODY + hint("no-permanent-store"), false],
    [
      "what its sender both wants stored and does not",
      hint("store") + BODY + hint("no-permanent-store"),
      false,
    ],
    ["another hint", BODY + hint("no-copy"), true],
    ["a copy", `<sent xmlns="urn:xmpp:carbons:2"/>${BODY}`, false],
    ["a conversation that wants no copies", `<private xmlns="urn:xmpp:carbons:2"/>${BODY}`, true],
    ["what comes from an archive", `<result xmlns="urn:xmpp:mam:2"/>${BODY}`, false],
    [
      "what an occupant of a room says in private",
      `<x xmlns="http://jabber.org/protocol/muc#user"/>${BODY}`,
      true,
    ],
  ] as const) {
    it(`${expected ? "is" : "is not"} ${title}`, () => {
      for (const type of [undefined, "normal", "chat", "unheard-of"]) {
        assert.equal(isArchivable(message(children, type)), expected, type);
      }
    });
  }

  it("is nothing of another type", () => {
    for (const type of ["groupchat", "headline", "error"]) {
      assert.equal(isArchivable(message(BODY + hint("store"), type)), false, type);
    }
  });

  it("also waits for its recipient, whichever rule it is kept by", () => {
    for (const { ns, names = ["x"], verdict } of ARCHIVE_RULES) {
      if (verdict !== "kept") continue;
      for (const name of names) {
        const one = message(ns === "jabber:client" ? `<${name}/>` : `<${name} xmlns="${ns}"/>`);
        assert.ok(isArchivable(one), ns);
        assert.ok(isKept(one), ns);
      }
    }
  });

  it("is told with a reason each", () => {
    for (const { ns, why } of ARCHIVE_RULES) assert.ok(why.length > 10, ns);
  });
});
