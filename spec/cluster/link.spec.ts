import assert from "node:assert/strict";
import { decode, type Item } from "../../src/cluster/envelope.js";
import { LINK_DEFAULTS, Link, type LinkOptions } from "../../src/cluster/link.js";
import { xml } from "../../src/xml/element.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";

const juliet = Jid.parse("juliet@capulet.example/balcony");
const nurse = Jid.parse("nurse@capulet.example/kitchen");
const romeo = Jid.parse("romeo@montague.example/orchard");

/** What a link sends, and what becomes of it. */
class Line {
  readonly sent: { n: number; first: boolean; items: readonly Item[] }[] = [];
  readonly states: boolean[] = [];
  readonly stuck: boolean[] = [];
  /** Why it began anew, and the stanzas that were to be said. */
  readonly anew: [why: string, ids: (string | undefined)[]][] = [];
  readonly #settle: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #watchers: (() => void)[] = [];
  readonly link: Link;

  constructor(options: Partial<LinkOptions> = {}) {
    this.link = new Link(
      "there",
      (bytes) =>
        new Promise((resolve, reject) => {
          const { n, first, items } = decode(bytes);
          this.sent.push({ n, first: first === true, items });
          this.#settle.push({ resolve, reject });
          for (const tell of this.#watchers.splice(0)) tell();
        }),
      { ...LINK_DEFAULTS, retry: 1, maxRetry: 2, ...options },
      {
        state: (broken) => this.states.push(broken),
        anew: (why, stanzas) => this.anew.push([why, stanzas.map(({ id }) => id)]),
        dealtWith: () => new Promise(() => undefined),
        stuck: (isStuck) => this.stuck.push(isStuck),
      },
    );
  }

  /** Resolves when so many batches were sent in all. */
  async has(count: number): Promise<void> {
    while (this.sent.length < count) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  /** What the broker says of the batch sent at a place. */
  confirm(at: number): Promise<void> {
    this.#settle[at].resolve();
    return turn();
  }

  refuse(at: number): Promise<void> {
    this.#settle[at].reject(new Error("the broker is busy"));
    return turn();
  }

  get numbers(): number[] {
    return this.sent.map(({ n }) => n);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const gone = (name: string): Item => ["gone", name];

describe("A link between two nodes", () => {
  it("sends what was said in one turn as one batch, and counts the batches", async () => {
    const line = new Line();
    for (const name of ["a", "b", "c"]) line.link.put(gone(name));
    await line.has(1);
    line.link.put(gone("d"));
    await line.has(2);
    assert.deepEqual(line.sent, [
      { n: 0, first: false, items: [gone("a"), gone("b"), gone("c")] },
      { n: 1, first: false, items: [gone("d")] },
    ]);
    assert.equal(line.link.idle, false);
    await line.confirm(0);
    await line.confirm(1);
    assert.equal(line.link.idle, true);
  });

  it("says a stanza for many once, with the list of them, and never joins what wants a receipt", async () => {
    const line = new Line();
    // As the server makes one: nobody has asked for its text yet.
    const presence = Stanza.of(xml("presence", { from: romeo.text }, xml("show", {}, "away")));
    line.link.putStanza(presence.withTo(juliet), juliet, 0);
    line.link.putStanza(presence.withTo(nurse.bare), nurse, 0);
    line.link.putStanza(presence.withTo(juliet), juliet, 7);
    await line.has(1);
    const [together, alone] = line.sent[0].items;
    assert.deepEqual(together.slice(2, 4), [[juliet.text, [nurse.text, nurse.bareText]], 0]);
    assert.deepEqual(alone.slice(2, 4), [juliet.text, 7]);
    assert.equal(line.sent[0].items.length, 2);
  });

  it("tells together what became of stanzas, where it is the same, and in its place", async () => {
    const line = new Line();
    for (const [number, outcome] of [
      [1, "d"],
      [2, "d"],
      [3, "f"],
      [4, "d"],
    ] as const)
      line.link.putReceipt(number, outcome);
    line.link.put(gone("a"));
    line.link.putReceipt(5, "d");
    for (let number = 6; number < 120; number++) line.link.putReceipt(number, "d");
    await line.has(1);
    const { items } = line.sent[0];
    assert.deepEqual(items.slice(0, 4), [
      ["receipts", [1, 2], "d"],
      ["receipts", [3], "f"],
      ["receipts", [4], "d"],
      gone("a"),
    ]);
    assert.deepEqual(
      items.slice(4).flatMap((item) => (item[0] === "receipts" ? item[1] : [])),
      Array.from({ length: 115 }, (_, i) => i + 5),
    );
  });

  it("has no more batches under way than its window; the rest joins the next one", async () => {
    const line = new Line({ window: 2 });
    for (const name of ["a", "b", "c", "d"]) {
      line.link.put(gone(name));
      await turn();
      await turn();
    }
    assert.deepEqual(line.numbers, [0, 1]);
    await line.confirm(0);
    assert.deepEqual(line.sent[2], { n: 2, first: false, items: [gone("c"), gone("d")] });
  });

  it("sends again what was refused and all after it, in order, the first of them alone", async () => {
    const line = new Line();
    for (const name of ["a", "b", "c"]) {
      line.link.put(gone(name));
      await turn();
      await turn();
    }
    assert.deepEqual(line.numbers, [0, 1, 2]);
    await line.confirm(0);
    await line.refuse(1);
    assert.equal(line.link.broken, true);
    // It came without the one before it, so the receiver has passed over it.
    await line.confirm(2);
    line.link.put(gone("d"));
    await line.has(4);
    assert.deepEqual(line.numbers, [0, 1, 2, 1]);
    await line.confirm(3);
    await line.has(6);
    assert.deepEqual(line.numbers, [0, 1, 2, 1, 2, 3]);
    assert.deepEqual(line.states, [true, false]);
    await line.confirm(4);
    await line.confirm(5);
    assert.equal(line.link.idle, true);
  });

  it("goes on trying, and tries at once when told that the broker is back", async () => {
    const line = new Line({ retry: 60_000, maxRetry: 60_000 });
    line.link.put(gone("a"));
    await line.has(1);
    await line.refuse(0);
    line.link.retryNow();
    await line.has(2);
    await line.confirm(1);
    assert.equal(line.link.broken, false);
    assert.deepEqual(line.numbers, [0, 0]);
  });

  it("holds senders back when much waits, and takes no stanza when far too much does", async () => {
    const line = new Line({ window: 1, maxQueued: 2 });
    assert.equal(line.link.room(), undefined);
    line.link.put(gone("under way"));
    await line.has(1);
    for (const name of ["a", "b"]) line.link.put(gone(name));
    let hasRoom = false;
    const room = line.link.room()?.then(() => {
      hasRoom = true;
    });
    assert.equal(line.link.overfull, false);
    for (const name of ["c", "d", "e", "f", "g", "h"]) line.link.put(gone(name));
    assert.equal(line.link.overfull, true);
    await turn();
    assert.equal(hasRoom, false);
    await line.confirm(0);
    await room;
    assert.equal(line.link.overfull, false);
  });

  it("holds nobody back while it does not work: what is kept goes another way", async () => {
    const line = new Line({ window: 1, maxQueued: 2, retry: 60_000, maxRetry: 60_000 });
    line.link.put(gone("under way"));
    await line.has(1);
    for (const name of ["a", "b"]) line.link.put(gone(name));
    const room = line.link.room();
    assert.ok(room);
    await line.refuse(0);
    await room;
    assert.equal(line.link.room(), undefined);
    line.link.close();
  });

  it("holds senders back while the node is behind with what the broker has taken, and gives up on one that stands still", async () => {
    const line = new Line({ maxBehind: 2, patience: 5 });
    for (const name of ["a", "b"]) line.link.put(gone(name));
    const room = line.link.room();
    assert.ok(room);
    await line.has(1);
    await line.confirm(0);
    assert.deepEqual([line.link.idle, line.stuck, line.link.overfull], [true, [], false]);
    await room;
    assert.deepEqual([line.stuck, line.link.overfull], [[true], true]);
    // Nobody waits for it any more.
    assert.equal(line.link.room(), undefined);
    line.link.close();
  });

  it("begins anew when far too much waits, and says what it had forgotten of", async () => {
    const line = new Line({ window: 1, maxQueued: 1 });
    line.link.put(gone("under way"));
    await line.has(1);
    const chat = xml("message", { from: romeo.text, id: "m1" }, xml("body", {}, "hi"));
    line.link.putStanza(Stanza.of(chat, "<body>hi</body>").withTo(juliet), juliet, 0);
    line.link.putStanza(Stanza.of(chat, "<body>hi</body>").withTo(juliet), juliet, 5);
    for (const name of ["a", "b"]) line.link.put(gone(name));
    assert.deepEqual(line.anew, []);
    line.link.put(gone("too much"));
    assert.deepEqual(line.anew, [["full", ["m1"]]]);
    line.link.put(gone("again"));
    await line.confirm(0);
    await line.has(2);
    assert.deepEqual(line.sent[1], { n: 1, first: true, items: [gone("again")] });
  });

  it("begins anew when the broker has lost a batch that it had confirmed, however much is under way", async () => {
    const line = new Line();
    line.link.put(gone("lost"));
    await line.has(1);
    // It may yet come.
    line.link.isMissing(0);
    await line.confirm(0);
    line.link.put(gone("passed over"));
    await line.has(2);
    assert.deepEqual(line.anew, []);
    line.link.isMissing(0);
    assert.deepEqual(line.anew, [["lost", []]]);
    line.link.put(gone("news"));
    await line.has(3);
    assert.deepEqual(line.sent[2], { n: 2, first: true, items: [gone("news")] });
    // It is one of those that come.
    line.link.isMissing(2);
    line.link.isMissing(3);
    assert.equal(line.anew.length, 1);
  });

  it("cuts what is too long for one batch into parts", async () => {
    const line = new Line({ batchSize: 1000 });
    const item: Item = ["news", "topic", `"\u{1f600}é${"x".repeat(3000)}`];
    line.link.put(gone("before"));
    line.link.put(item, 3100);
    line.link.put(gone("after"));
    for (let at = 0; !line.link.idle; at++) {
      await line.has(at + 1);
      await line.confirm(at);
    }
    const items = line.sent.flatMap((one) => one.items);
    assert.ok(line.sent.length > 5);
    assert.deepEqual([items[0], items.at(-1)], [gone("before"), gone("after")]);
    const parts = items.slice(1, -1) as [string, string, number][];
    assert.deepEqual(
      parts.map(([kind, , last]) => [kind, last]),
      parts.map((_, index) => ["part", index === parts.length - 1 ? 1 : 0]),
    );
    assert.deepEqual(JSON.parse(parts.map(([, text]) => text).join("")), item);
  });

  it("tells a long tale bit by bit between what else is said, and the newest one alone", async () => {
    const line = new Line({ window: 1, batch: 2 });
    let made = 0;
    function* tale(name: string): Generator<Item> {
      for (let i = 0; i < 5; i++) {
        made += 1;
        yield gone(`${name}${i}`);
      }
    }
    line.link.tell(tale("old"));
    await line.has(1);
    assert.equal(made, 2);
    for (const name of ["a", "b"]) line.link.put(gone(name));
    line.link.tell(tale("new"));
    for (let at = 0; !line.link.idle; at++) {
      await line.has(at + 1);
      await line.confirm(at);
    }
    assert.deepEqual(
      line.sent.flatMap(({ items }) => items.map(([, name]) => name)),
      ["old0", "old1", "a", "b", "new0", "new1", "new2", "new3", "new4"],
    );
  });

  it("forgets everything when the node is gone, and lets those go on who waited for room", async () => {
    const line = new Line({ window: 1, maxQueued: 1 });
    line.link.put(gone("under way"));
    await line.has(1);
    line.link.put(gone("waits"));
    const room = line.link.room();
    line.link.close();
    await room;
    await line.refuse(0);
    line.link.put(gone("late"));
    await turn();
    assert.deepEqual(line.numbers, [0]);
  });
});
