import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { serializeChildren, xml } from "../../src/xml/element.js";
import { parseElement } from "../../src/xml/parse.js";
import { StanzaError } from "../../src/xmpp/errors.js";
import { Jid } from "../../src/xmpp/jid.js";
import { isStanzaName, NS_CLIENT, Stanza } from "../../src/xmpp/stanza.js";

const ROMEO = Jid.parse("romeo@montague.example/orchard");
const JULIET = Jid.parse("juliet@capulet.example/balcony");
const NURSE = Jid.parse("nurse@capulet.example");

function message(): Stanza {
  return Stanza.make(
    "message",
    { from: ROMEO, to: JULIET, type: "chat", id: "1", "xml:lang": "en" },
    xml("body", null, "1 < 2"),
    xml("active", { xmlns: "http://jabber.org/protocol/chatstates" }),
  );
}

describe("A stanza", () => {
  it("has its addresses parsed and in canonical form", () => {
    const stanza = Stanza.of(
      parseElement("<message to='JULIET@Capulet.example/Balcony' from='ROMEO@montague.example'/>"),
    );
    assert.equal(stanza.to?.text, "juliet@capulet.example/Balcony");
    assert.equal(stanza.attrs.to, stanza.to?.text);
    assert.equal(stanza.attrs.from, "romeo@montague.example");
    assert.equal(stanza.attrs.xmlns, NS_CLIENT);
  });

  it("need not have addresses", () => {
    const stanza = Stanza.of(xml("iq", { type: "get", id: "1" }));
    assert.deepEqual(
      [stanza.to, stanza.from, stanza.kind, stanza.type, stanza.id],
      [undefined, undefined, "iq", "get", "1"],
    );
  });

  it("is refused where an address is none", () => {
    for (const attrs of [{ to: "" }, { to: "@" }, { from: "a@b/" }, { to: "a b@c" }]) {
      assert.throws(() => Stanza.of(xml("message", attrs)), {
        name: "StanzaError",
        condition: "jid-malformed",
      });
    }
  });

  it("finds its children by name and namespace", () => {
    const stanza = Stanza.of(
      parseElement("<message xmlns='jabber:client'><body>a</body><body xmlns='urn:x'>b</body></message>"),
    );
    assert.equal(stanza.getChildText("body", NS_CLIENT), "a");
    assert.equal(stanza.getChild("body", "urn:x")?.parent, stanza);
  });

  it("is one of three", () => {
    for (const name of ["message", "presence", "iq"]) assert.ok(isStanzaName(name));
    for (const name of ["Message", "auth", "h:message", "", "toString"]) assert.ok(!isStanzaName(name), name);
  });

  it("made of text is as it was, and reads attributes and children when they are asked for", () => {
    const inner = "<body>a &lt; b</body><x xmlns='urn:example:x'><y/></x>";
    const from = Jid.parse("romeo@montague.example/orchard");
    const tag = `<message from="${from.text}" to="juliet@capulet.example" type="chat"`;
    const stanza = Stanza.ofText(`${tag}>${inner}</message>`);
    assert.equal(stanza.text(), `${tag}>${inner}</message>`);
    assert.ok(stanza.text(true).startsWith('<message xmlns="jabber:client" from='));
    assert.deepEqual([stanza.from, stanza.to?.text, stanza.type], [from, "juliet@capulet.example", "chat"]);
    assert.equal(stanza.id, undefined);
    assert.deepEqual(stanza.attrs, {
      xmlns: "jabber:client",
      from: from.text,
      to: "juliet@capulet.example",
      type: "chat",
    });
    assert.equal(stanza.getChildText("body"), "a < b");
    assert.equal(stanza.getChild("x", "urn:example:x")?.parent, stanza);
    assert.equal(stanza.getChild("body")?.getNS(), "jabber:client");
    assert.equal(stanza.children, stanza.children);
    const view = stanza.withTo(from);
    assert.equal(view.getChildText("body"), "a < b");
    assert.equal(view.shares(stanza), true);
    assert.equal(view.shares(stanza.withId("other")), false);
  });

  it("made of text knows the prefixes that it declares itself", () => {
    const text = '<message type="chat" xmlns:x="urn:example:x"><x:y/><body>a</body></message>';
    const stanza = Stanza.ofText(text).withTo(NURSE);
    assert.equal(stanza.getChild("y", "urn:example:x")?.name, "x:y");
    assert.equal(stanza.getChildText("body", NS_CLIENT), "a");
  });

  it("made of text may be for somebody else, and keeps what its values say", () => {
    const odd = ` to="nobody" type=" id='&<>\t\n"\r`;
    const element = xml("message", { id: odd, "xml:lang": "en", type: "", to: "juliet@capulet.example/a&b" });
    const text = Stanza.of(element).text();
    assert.equal(Stanza.ofText(text).to?.text, "juliet@capulet.example/a&b");
    for (const stanza of [
      Stanza.ofText(text),
      Stanza.ofText(text, NURSE),
      Stanza.ofText(text, null),
      Stanza.ofText(text, null).withAddresses(ROMEO, JULIET).ownCopy(),
      Stanza.ofText("<message/>").withTo(NURSE).withId(odd),
    ]) {
      const read = Stanza.of(parseElement(stanza.toString()));
      assert.equal(stanza.id, odd);
      assert.deepEqual(
        [read.id, read.type, read.to?.text, read.from?.text],
        [stanza.id, stanza.type, stanza.to?.text, stanza.from?.text],
      );
      assert.deepEqual(read.attrs, stanza.attrs);
      assert.deepEqual(stanza.children, []);
    }
    assert.equal(Stanza.ofText(text, null).attrs.to, undefined);
    for (const wrong of ["", "<body/>", "message"]) assert.throws(() => Stanza.ofText(wrong), /no stanza/);
  });
});

describe("A view of a stanza", () => {
  it("has other addresses and leaves the stanza as it was", () => {
    const stanza = message();
    const before = stanza.toString();
    const views = [stanza.withTo(NURSE), stanza.withFrom(NURSE), stanza.withAddresses(JULIET, ROMEO)];
    assert.deepEqual(
      views.map(({ from, to, attrs }) => [from?.text, attrs.from, to?.text, attrs.to]),
      [
        [ROMEO.text, ROMEO.text, NURSE.text, NURSE.text],
        [NURSE.text, NURSE.text, JULIET.text, JULIET.text],
        [JULIET.text, JULIET.text, ROMEO.text, ROMEO.text],
      ],
    );
    for (const view of views) assert.equal(view.children, stanza.children);
    assert.equal(stanza.toString(), before);
  });

  it("with other children has no text of the old ones", () => {
    const element = parseElement("<message><body>old</body></message>");
    const stanza = Stanza.of(element, "<body>old</body>");
    assert.equal(stanza.text(), "<message><body>old</body></message>");
    assert.equal(
      stanza.withChildren([xml("body", null, "new")]).text(),
      "<message><body>new</body></message>",
    );
    assert.equal(stanza.withAppended(xml("x")).text(), "<message><body>old</body><x/></message>");
    assert.equal(stanza.text(), "<message><body>old</body></message>");
  });

  it("has the ticket of the stanza", () => {
    const stanza = message();
    stanza.ticket = { hold: () => undefined, release: () => undefined };
    const views = [
      stanza.withTo(NURSE),
      stanza.withFrom(NURSE),
      stanza.withChildren([]),
      stanza.withAppended(),
      stanza.ownCopy(),
    ];
    for (const view of views) assert.equal(view.ticket, stanza.ticket);
    assert.equal(stanza.reply().ticket, undefined);
  });
});

describe("An answer to a stanza", () => {
  it("goes back with the same id", () => {
    const iq = Stanza.make(
      "iq",
      { from: ROMEO, to: NURSE, type: "get", id: "x" },
      xml("ping", { xmlns: "urn:xmpp:ping" }),
    );
    const reply = iq.reply(xml("pong"));
    assert.deepEqual(
      { ...reply.attrs },
      { xmlns: NS_CLIENT, type: "result", id: "x", from: NURSE.text, to: ROMEO.text },
    );
    assert(reply.to?.equals(ROMEO));
    assert.deepEqual(iq.reply().children, []);
  });

  it("with an error says which, and what kind of stanza it answers", () => {
    const reply = message().errorReply(new StanzaError("forbidden"));
    assert.deepEqual(
      [reply?.kind, reply?.type, reply?.id, reply?.from, reply?.to],
      ["message", "error", "1", JULIET, ROMEO],
    );
    assert.equal(reply?.getChild("error")?.attrs.type, "auth");
  });

  it("is none where an error would answer an error or a result (RFC 6120 §8.3.1, §8.2.3)", () => {
    const error = new StanzaError("forbidden");
    for (const kind of ["message", "presence", "iq"] as const) {
      assert.equal(Stanza.make(kind, { type: "error" }).errorReply(error), undefined);
    }
    assert.equal(Stanza.make("iq", { type: "result" }).errorReply(error), undefined);
    assert.ok(Stanza.make("message", { type: "result" }).errorReply(error));
  });
});

describe("The text of a stanza", () => {
  it("has the namespace only where it stands alone", () => {
    const stanza = Stanza.make("presence", { from: ROMEO }, xml("show", null, "away"));
    assert.equal(stanza.text(), `<presence from="${ROMEO}"><show>away</show></presence>`);
    assert.equal(
      stanza.text(true),
      `<presence xmlns="jabber:client" from="${ROMEO}"><show>away</show></presence>`,
    );
    assert.equal(stanza.toString(), stanza.text(true));
    assert.equal(Stanza.make("iq", {}).text(), "<iq/>");
  });

  it("reads as the same stanza", () => {
    const stanza = message();
    const again = Stanza.of(parseElement(stanza.toString()));
    assert.deepEqual({ ...again.attrs }, { ...stanza.attrs });
    assert.equal(serializeChildren(again, NS_CLIENT), serializeChildren(stanza, NS_CLIENT));
  });

  it("is what was read where that is known", () => {
    const inner = "<body>a&#32;<![CDATA[<b>]]></body>";
    const stanza = Stanza.of(parseElement(`<message to='${JULIET}'>${inner}</message>`), inner);
    assert.equal(stanza.withFrom(ROMEO).text(), `<message to="${JULIET}" from="${ROMEO}">${inner}</message>`);
  });

  it("has about as many characters as its size says", () => {
    for (const stanza of [
      message(),
      message().withTo(NURSE),
      Stanza.make("iq", { id: "1" }),
      message().ownCopy(),
    ]) {
      assert.ok(Math.abs(stanza.size - stanza.toString().length) <= 5, stanza.toString());
    }
  });
});

describe("A copy for keeping", () => {
  it("is the same stanza with nothing of it shared", () => {
    const text =
      "<message xmlns:p='urn:p' to='juliet@capulet.example' p:a='b'>x<p:c d='&amp;'>e<f/></p:c>y</message>";
    for (const inner of [undefined, "x<p:c d='&amp;'>e<f/></p:c>y"]) {
      const stanza = Stanza.of(parseElement(text), inner);
      const copy = stanza.ownCopy();
      assert.equal(copy.toString(), stanza.toString());
      assert.equal(copy.to, stanza.to);
      const [mine, theirs] = [copy, stanza].map((one) => one.getChild("c", "urn:p"));
      assert.equal(mine?.parent, copy);
      assert.notEqual(mine, theirs);
      assert.equal(mine?.getChild("f")?.parent, mine);
      assert.equal(serializeChildren(copy), serializeChildren(stanza));
    }
  });

  it("holds on to nothing of the chunk that it was read from", async function () {
    this.timeout(60_000);
    assert.equal(await chunkIsHeld("(stanza) => stanza"), true);
    assert.equal(await chunkIsHeld("(stanza) => stanza.ownCopy()"), false);
  });
});

/**
 * Reads a stanza out of a large chunk in a process of its own, keeps it as told, and looks for the chunk among all that
 * the process can still reach. The mark at the chunk's start is never a string of its own there, and no compiler at work
 * (--no-opt) holds on to the parser for a while.
 */
async function chunkIsHeld(keep: string): Promise<boolean> {
  const url = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);
  const script = `
    import { randomBytes } from "node:crypto";
    import { getHeapSnapshot } from "node:v8";
    const { StreamParser } = await import(${url("xml/parser.js")});
    const { Stanza } = await import(${url("xmpp/stanza.js")});
    const keep = ${keep};
    const mark = Buffer.alloc(32).map((_, i) => 97 + (randomBytes(1)[0] % 26));
    function read() {
      const limits = { maxBytes: 1e6, maxDepth: 10, maxAttributes: 10 };
      let kept;
      const onElement = (element, inner) => { if (element.name === "presence") kept = keep(Stanza.of(element, inner)); };
      const parser = new StreamParser({ onHeader() {}, onElement, onFooter() {} }, limits);
      parser.write(Buffer.from("<stream:stream xmlns:stream='urn:s' xmlns='jabber:client'>"));
      const presence = "<presence to='juliet@capulet.example/balcony'><status>Parting is such sweet sorrow</status></presence>";
      parser.write(Buffer.concat([Buffer.from("<a>"), mark, Buffer.from("x".repeat(50_000) + "</a>" + presence)]));
      return kept;
    }
    globalThis.kept = read();
    const parts = [];
    for await (const part of getHeapSnapshot()) parts.push(Buffer.from(part));
    process.stdout.write(String(Buffer.concat(parts).includes(mark)));
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--no-opt",
    "--input-type=module",
    "-e",
    script,
  ]);
  return JSON.parse(stdout) as boolean;
}
