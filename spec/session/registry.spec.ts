import assert from "node:assert/strict";
import { Hooks } from "../../src/hooks.js";
import { ClientSession } from "../../src/session/client-session.js";
import { alone, Registry } from "../../src/session/registry.js";
import type { Resource } from "../../src/session/session.js";
import { xml } from "../../src/xml/element.js";
import { parseElement } from "../../src/xml/parse.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { outletTo } from "../support/outlet.js";

const NODE = "this-node";

describe("The registry", () => {
  let registry: Registry;
  let changes: [before: Resource | undefined, after: Resource | undefined][];
  let sent: string[];
  beforeEach(() => {
    sent = [];
    changes = [];
    registry = new Registry(NODE, {
      ...alone(NODE),
      send: (resource) => {
        sent.push(`remote ${resource.jid}`);
      },
    });
    registry.listen({ changed: (before, after) => changes.push([before, after]) });
  });

  function sessionOf(text: string): ClientSession {
    const jid = Jid.parse(text);
    const outlet = outletTo(() => sent.push(text));
    const account = { id: 1, jid: jid.bare };
    return new ClientSession(jid, account, false, NODE, new Hooks(), outlet, () => undefined);
  }

  const texts = (bare: string) => registry.of(Jid.parse(bare)).map(({ jid }) => jid.text);
  const presence = () => Stanza.make("presence", {}, xml("show", null, "away"));

  it("finds sessions by account and by resource", () => {
    const [balcony, garden] = ["balcony", "garden"].map((name) =>
      sessionOf(`juliet@capulet.example/${name}`),
    );
    for (const one of [balcony, garden]) registry.add(one);
    assert.deepEqual(texts("juliet@capulet.example"), [balcony.jid.text, garden.jid.text]);
    assert.deepEqual(texts("juliet@capulet.example/garden"), [balcony.jid.text, garden.jid.text]);
    assert.equal(registry.get(Jid.parse("juliet@capulet.example/garden"))?.session, garden);
    for (const other of [
      "juliet@capulet.example/Garden",
      "juliet@capulet.example",
      "romeo@capulet.example/garden",
    ]) {
      assert.equal(registry.get(Jid.parse(other)), undefined, other);
    }
    assert.deepEqual(texts("romeo@montague.example"), []);
  });

  it("counts and lists the sessions of this node", () => {
    const sessions = ["a@x.example/1", "a@x.example/2", "b@x.example/1"].map(sessionOf);
    for (const one of sessions) registry.add(one);
    assert.equal(registry.size, 3);
    assert.deepEqual([...registry.local()], sessions);
    registry.remove(sessions[0]);
    registry.remove(sessions[0]);
    assert.equal(registry.size, 2);
    assert.deepEqual([...registry.local()], sessions.slice(1));
  });

  it("tells of each row that comes, changes and goes", () => {
    const session = sessionOf("juliet@capulet.example/balcony");
    registry.add(session);
    const first = session.resource;
    registry.update(session, { priority: 5, interested: true });
    const second = session.resource;
    registry.remove(session);
    assert.deepEqual(
      changes.map((change) => change.map((row) => row && [row.priority, row.interested, row.node])),
      [
        [undefined, [0, false, NODE]],
        [
          [0, false, NODE],
          [5, true, NODE],
        ],
        [[5, true, NODE], undefined],
      ],
    );
    assert.equal(changes[1][0], first);
    assert.equal(changes[2][0], second);
    assert.deepEqual(texts("juliet@capulet.example"), []);
  });

  it("leaves the last row to a session that is gone, and tells nobody what it changes then", () => {
    const session = sessionOf("juliet@capulet.example/balcony");
    registry.add(session);
    registry.update(session, { presence: presence() });
    registry.remove(session);
    changes = [];
    assert.ok(session.resource.presence);
    registry.update(session, { presence: undefined });
    assert.equal(session.resource.presence, undefined);
    assert.deepEqual(changes, []);
    assert.deepEqual(texts("juliet@capulet.example"), []);
  });

  it("leaves alone whoever reads a list while it changes", () => {
    const [one, other] = ["a@x.example/1", "a@x.example/2"].map(sessionOf);
    for (const session of [one, other]) registry.add(session);
    const seen: string[] = [];
    for (const { jid, session } of registry.of(one.jid)) {
      seen.push(jid.text);
      registry.remove(session as ClientSession);
    }
    assert.deepEqual(seen, ["a@x.example/1", "a@x.example/2"]);
    assert.deepEqual(texts("a@x.example"), []);
  });

  it("keeps a presence apart from what it was read from", () => {
    const session = sessionOf("juliet@capulet.example/balcony");
    registry.add(session);
    const read = Stanza.of(parseElement("<presence><show>away</show></presence>"), "<show>away</show>");
    registry.update(session, { presence: read });
    const kept = session.resource.presence;
    assert.notEqual(kept, read);
    assert.notEqual(kept?.getChild("show"), read.getChild("show"));
    assert.equal(kept?.toString(), read.toString());
    registry.update(session, { priority: 1 });
    assert.equal(session.resource.presence, kept);
    assert.equal(registry.get(session.jid)?.presence, kept);
    registry.update(session, { presence: undefined });
    assert.equal(registry.get(session.jid)?.presence, undefined);
  });

  it("hands a stanza to the session, or to the node that has it", () => {
    const session = sessionOf("juliet@capulet.example/balcony");
    registry.send(session.resource, presence());
    registry.send({ ...session.resource, session: undefined, node: "other" }, presence());
    assert.deepEqual(sent, ["juliet@capulet.example/balcony", "remote juliet@capulet.example/balcony"]);
  });

  it("notes flags of plugins and tells only of changes", () => {
    const session = sessionOf("juliet@capulet.example/balcony");
    registry.add(session);
    changes = [];
    registry.flag(session, "carbons", false);
    registry.flag(session, "carbons", true);
    registry.flag(session, "carbons", true);
    registry.flag(session, "csi", true);
    assert.deepEqual([...(registry.get(session.jid)?.flags ?? [])], ["carbons", "csi"]);
    registry.flag(session, "carbons", false);
    assert.deepEqual([...session.resource.flags], ["csi"]);
    assert.equal(changes.length, 3);
  });
});
