import assert from "node:assert/strict";
import { Patience } from "../../plugins/csi/patience.js";
import { xml } from "../../src/xml/element.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";

const ALL = { presence: true, chatStates: true, notifications: true, maxHeld: 3 };
const me = Jid.parse("juliet@capulet.example/phone");

const presence = (from: string, id: string, type?: string) =>
  Stanza.make("presence", { from: Jid.parse(from), to: me, id, type });

const note = (id: string, item: string) =>
  Stanza.make(
    "message",
    { from: Jid.parse("romeo@capulet.example"), to: me, id },
    xml(
      "event",
      { xmlns: "http://jabber.org/protocol/pubsub#event" },
      xml("items", { node: "mood" }, xml("item", { id: item })),
    ),
  );

/** A valve, and what passed it: what was written by itself, then what it let through. */
function valve(options = ALL): {
  pass: (stanza: Stanza) => void;
  patience: Patience;
  out: string[];
  told: string[];
} {
  const out: string[] = [];
  const told: string[] = [];
  const patience = new Patience({ write: ({ id }) => out.push(id as string) }, options);
  const pass = (stanza: Stanza) => {
    const receipt = {
      delivered: () => told.push(`${stanza.id} delivered`),
      failed: () => told.push(`${stanza.id} failed`),
    };
    if (!patience.keeps(stanza, receipt)) out.push(stanza.id as string);
  };
  return { pass, patience, out, told };
}

describe("What is kept back for an inactive client (XEP-0352)", () => {
  it("is the latest of each subject, in the order of the latest", () => {
    const { pass, patience, out } = valve();
    pass(presence("romeo@capulet.example/a", "1"));
    pass(presence("romeo@capulet.example/b", "2"));
    pass(presence("romeo@capulet.example/a", "3", "unavailable"));
    assert.deepEqual(out, []);
    assert.deepEqual(
      patience.empty().map(({ stanza }) => stanza.id),
      ["2", "3"],
    );
    assert.deepEqual(patience.empty(), []);
  });

  it("goes out before what cannot wait", () => {
    const { pass, out } = valve();
    pass(presence("romeo@capulet.example/a", "1"));
    pass(Stanza.make("message", { from: me, id: "2", type: "chat" }, xml("body", null, "hello")));
    assert.deepEqual(out, ["1", "2"]);
  });

  it("goes out when there is too much of it, the last of them last", () => {
    const { pass, out } = valve();
    for (const id of ["1", "2", "3", "4", "5"]) pass(presence(`${id}@capulet.example/a`, id));
    assert.deepEqual(out, ["1", "2", "3", "4"]);
  });

  it("keeps its receipt until it is written, unless a later state has taken its place", () => {
    const { pass, patience, told } = valve();
    pass(note("1", "current"));
    assert.deepEqual(told, []);
    pass(note("2", "current"));
    assert.deepEqual(told, ["1 delivered"]);
    for (const { receipt } of patience.empty()) receipt?.failed();
    assert.deepEqual(told, ["1 delivered", "2 failed"]);
  });

  it("is only what was chosen", () => {
    const { pass, out } = valve({ ...ALL, notifications: false });
    pass(presence("romeo@capulet.example/a", "1"));
    pass(note("2", "current"));
    assert.deepEqual(out, ["1", "2"]);
  });
});
