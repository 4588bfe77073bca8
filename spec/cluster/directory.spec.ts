import assert from "node:assert/strict";
import { Directory } from "../../src/cluster/directory.js";
import type { Row } from "../../src/cluster/envelope.js";
import { alone, Registry } from "../../src/session/registry.js";
import { Jid } from "../../src/xmpp/jid.js";

const JULIET = Jid.parse("juliet@example.net/balcony");

/** What a third node makes of a session that moves from one to another, when what those say of it arrives in any order. */
describe("the directory of a node that hears of a session from two others", () => {
  let registry: Registry;
  let directory: Directory;
  let alive: string[];

  beforeEach(() => {
    alive = ["here", "a", "b"];
    const nodes = { ...alone("here") };
    Object.defineProperty(nodes, "alive", { get: () => alive });
    registry = new Registry("here", nodes);
    directory = new Directory("here", registry, () => undefined);
  });

  const row = (boundAt: number, priority = 0): Row => [JULIET.text, 0, priority, 0, [], boundAt];
  const known = () => registry.of(JULIET).map(({ node, boundAt }) => [node, boundAt]);

  it("has it where it is said to have moved until that node says so itself", () => {
    directory.put(row(1), "a");
    directory.moved(JULIET.text, "a", "b", 2);
    assert.deepEqual(known(), [["b", 2]]);
    directory.put(row(2, 5), "b");
    assert.deepEqual(known(), [["b", 2]]);
    assert.equal(registry.get(JULIET)?.priority, 5);
  });

  it("has it where it is when the new node is heard first", () => {
    directory.put(row(1), "a");
    directory.put(row(2), "b");
    assert.deepEqual(known(), [["b", 2]]);
    directory.moved(JULIET.text, "a", "b", 2);
    assert.deepEqual(known(), [["b", 2]]);
  });

  it("does not bring it back where it has been and gone on from", () => {
    directory.put(row(1), "a");
    directory.put(row(2), "b");
    directory.moved(JULIET.text, "b", "a", 3);
    directory.moved(JULIET.text, "a", "b", 2);
    assert.deepEqual(known(), [["a", 3]]);
    directory.put(row(3), "a");
    assert.deepEqual(known(), [["a", 3]]);
  });

  it("does not bring it back where it has ended", () => {
    directory.put(row(1), "a");
    directory.put(row(2), "b");
    directory.end(JULIET.text, "b", 2);
    directory.moved(JULIET.text, "a", "b", 2);
    assert.deepEqual(known(), []);
  });

  it("forgets it when it ends before its move was heard of", () => {
    directory.put(row(1), "a");
    directory.end(JULIET.text, "b", 2);
    directory.moved(JULIET.text, "a", "b", 2);
    assert.deepEqual(known(), []);
  });

  it("does not hear of a change that is older than its move", () => {
    directory.put(row(2), "b");
    directory.put(row(1, 7), "a");
    assert.deepEqual(known(), [["b", 2]]);
  });

  it("does not have it any more when it came from a node that died before the other one had it", () => {
    directory.put(row(1), "a");
    directory.moved(JULIET.text, "a", "b", 2);
    assert.deepEqual(
      directory.drop("a").map(({ jid, node }) => [jid.text, node]),
      [[JULIET.text, "b"]],
    );
    assert.deepEqual(known(), []);
    // It had arrived after all.
    directory.put(row(2), "b");
    assert.deepEqual(known(), [["b", 2]]);
  });

  it("has it where its node has said so itself, whatever becomes of the one that it came from", () => {
    directory.put(row(1), "a");
    directory.moved(JULIET.text, "a", "b", 2);
    directory.put(row(2), "b");
    assert.deepEqual(directory.drop("a"), []);
    assert.deepEqual(known(), [["b", 2]]);
    directory.end(JULIET.text, "b", 2);
    directory.put(row(3), "a");
    directory.moved(JULIET.text, "a", "b", 4);
    directory.end(JULIET.text, "b", 4);
    assert.deepEqual([directory.drop("a"), known()], [[], []]);
  });

  it("has it lost where it moved to a node that is gone", () => {
    directory.put(row(1), "a");
    alive = ["here", "a"];
    const lost = directory.moved(JULIET.text, "a", "b", 2);
    assert.deepEqual([lost?.node, lost?.jid.text], ["b", JULIET.text]);
    assert.deepEqual(known(), []);
  });
});
