import assert from "node:assert/strict";
import { DirectedPresence } from "../../src/im/presence-directed.js";
import { priorityOf } from "../../src/im/presence-priority.js";
import { requestText } from "../../src/im/request.js";
import { Jid, parseElement, type Session, type Sessions, Stanza } from "../../src/plugin/api.js";

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
  const session = (name = "balcony") => ({ jid: Jid.parse(`juliet@example.com/${name}`) }) as Session;
  const sessions = { local: () => [] } as unknown as Sessions;
  const common = { domain: "example.com", sessions, tellNewcomers: () => undefined };
  const alone = { ...common, tellOthers: () => undefined, onTold: () => undefined };

  /** What one node tells, the other is told. */
  function twoNodes(): [DirectedPresence, DirectedPresence] {
    const listeners: ((news: unknown) => void)[] = [];
    const node = (other: number) => ({
      ...common,
      tellOthers: (news: unknown) => listeners[other]?.(JSON.parse(JSON.stringify(news))),
      onTold: (fn: (news: unknown) => void) => void listeners.push(fn),
    });
    return [new DirectedPresence(5, node(1)), new DirectedPresence(5, node(0))];
  }

  it("remembers for each session whom it told", () => {
    const [balcony, chamber] = [session(), session("chamber")];
    const directed = new DirectedPresence(5, alone);
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
    const directed = new DirectedPresence(5, alone);
    directed.add(balcony, room);
    directed.add(balcony, friend);
    directed.remove(balcony, room);
    assert.equal(directed.has(balcony, room), false);
    assert.equal(directed.take(balcony).length, 1);
    assert.deepEqual(directed.take(balcony), []);
  });

  it("takes an address and its resource for two", () => {
    const balcony = session();
    const directed = new DirectedPresence(5, alone);
    directed.add(balcony, room);
    assert.equal(directed.has(balcony, room.bare), false);
  });

  it("refuses what it cannot remember", () => {
    const balcony = session();
    const directed = new DirectedPresence(1, alone);
    directed.add(balcony, room);
    directed.add(balcony, room);
    assert.throws(() => directed.add(balcony, friend), { condition: "resource-constraint" });
    directed.remove(balcony, room);
    directed.add(balcony, friend);
  });

  it("is known on other nodes, in case that its own dies", () => {
    const [here, there] = twoNodes();
    const balcony = session();
    for (const jid of [room, friend]) here.add(balcony, jid);
    here.remove(balcony, friend);
    const lost = () => there.takeLost(balcony.jid).map((jid) => jid.text);
    assert.deepEqual(lost(), [room.text]);
    assert.deepEqual(lost(), []);
    here.add(balcony, friend);
    here.take(balcony);
    assert.deepEqual(lost(), []);
  });

  it("is known to the node that a session has left, too", () => {
    const [here, there] = twoNodes();
    const balcony = session();
    here.add(balcony, room);
    there.unpack(balcony, here.pack(balcony));
    assert.deepEqual(
      here.takeLost(balcony.jid).map((jid) => jid.text),
      [room.text],
    );
    assert.deepEqual(there.takeLost(balcony.jid), []);
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
