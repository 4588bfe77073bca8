import assert from "node:assert/strict";
import { DirectedPresence } from "../../src/im/presence-directed.js";
import { priorityOf } from "../../src/im/presence-priority.js";
import { requestText } from "../../src/im/request.js";
import { Jid, parseElement, type Session, Stanza } from "../../src/plugin/api.js";

const presence = (children: string) =>
  Stanza.of(parseElement(`<presence xmlns="jabber:client">${children}</presence>`));

describe("the priority of a presence (RFC 6121 §4.7.2.3)", () => {
  const good: [string, number][] = [
    ["", 0],
    ["<priority>5</priority>", 5],
    ["<priority>+5</priority>", 5],
    ["<priority> -128\n</priority>", -128],
    ["<priority>127</priority>", 127],
    ["<priority>-0</priority>", 0],
    ["<priority xmlns='urn:example:other'>900</priority>", 0],
    ["<show>away</show><priority>1</priority>", 1],
  ];
  for (const [children, expected] of good) {
    it(`is ${expected} for ${JSON.stringify(children)}`, () => {
      assert.ok(Object.is(priorityOf(presence(children)), expected));
    });
  }

  for (const text of [
    "128",
    "-129",
    "1.5",
    "1e1",
    "0x10",
    "",
    "high",
    "1 2",
    "--1",
    "99999999999999999999",
  ]) {
    it(`is refused as ${JSON.stringify(text)}`, () => {
      assert.throws(() => priorityOf(presence(`<priority>${text}</priority>`)), { condition: "bad-request" });
    });
  }

  it("is stated once, as text", () => {
    const twice = presence("<priority>1</priority><priority>1</priority>");
    assert.throws(() => priorityOf(twice), { condition: "bad-request" });
    const mixed = presence("<priority>1<x/></priority>");
    assert.throws(() => priorityOf(mixed), { condition: "bad-request" });
  });
});

describe("directed presence", () => {
  const room = Jid.parse("room@chat.example.com/nick");
  const friend = Jid.parse("friend@example.net");
  const session = () => ({}) as Session;

  it("remembers for each session whom it told", () => {
    const [balcony, chamber] = [session(), session()];
    const directed = new DirectedPresence(5);
    directed.add(balcony, room);
    directed.add(balcony, friend);
    directed.add(balcony, room);
    assert.equal(directed.has(balcony, room), true);
    assert.equal(directed.has(chamber, room), false);
    assert.deepEqual(
      directed.take(balcony).map((jid) => jid.text),
      [room.text, friend.text],
    );
  });

  it("forgets who was told of the end, and all once they are taken", () => {
    const balcony = session();
    const directed = new DirectedPresence(5);
    directed.add(balcony, room);
    directed.add(balcony, friend);
    directed.remove(balcony, room);
    assert.equal(directed.has(balcony, room), false);
    assert.equal(directed.take(balcony).length, 1);
    assert.deepEqual(directed.take(balcony), []);
  });

  it("takes an address and its resource for two", () => {
    const balcony = session();
    const directed = new DirectedPresence(5);
    directed.add(balcony, room);
    assert.equal(directed.has(balcony, room.bare), false);
  });

  it("refuses what it cannot remember", () => {
    const balcony = session();
    const directed = new DirectedPresence(1);
    directed.add(balcony, room);
    directed.add(balcony, room);
    assert.throws(() => directed.add(balcony, friend), { condition: "resource-constraint" });
    directed.remove(balcony, room);
    directed.add(balcony, friend);
  });
});

describe("a kept subscription request", () => {
  const request = Stanza.of(
    parseElement(
      "<presence xmlns='jabber:client' from='romeo@example.net' to='juliet@example.com' type='subscribe' id='r1'>" +
        "<status>It is I</status><nick xmlns='http://jabber.org/protocol/nick'>Romeo</nick></presence>",
    ),
  );

  it("comes back with all that it says", () => {
    const again = Stanza.of(parseElement(requestText(request, 1000)));
    assert.equal(again.text(true), request.text(true));
    assert.equal(again.getChildText("status", "jabber:client"), "It is I");
    assert.equal(again.from?.text, "romeo@example.net");
  });

  it("loses what it says where that is too long", () => {
    const again = Stanza.of(parseElement(requestText(request, 100)));
    assert.deepEqual(again.children, []);
    assert.deepEqual([again.type, again.id, again.to?.text], ["subscribe", "r1", "juliet@example.com"]);
  });
});
