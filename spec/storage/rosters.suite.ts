import assert from "node:assert/strict";
import type { RosterEntry } from "../../src/storage/types.js";
import { Jid } from "../../src/xmpp/jid.js";
import { contactEntry, freshAccount, HOSTILE_TEXTS } from "./people.js";
import type { Nodes } from "./storage.suite.js";

const ROMEO = Jid.parse("romeo@montague.example");
const NURSE = Jid.parse("nurse@capulet.example");

export function rostersSuite(nodes: Nodes): void {
  /** By address, as their order is not promised. */
  const byText = (entries: RosterEntry[]) => new Map(entries.map((entry) => [entry.jid.text, entry]));

  it("are empty at first", async () => {
    const account = await freshAccount(nodes.storage);
    assert.deepEqual((await nodes.storage.rosters.list(account)).entries, []);
    assert.equal(await nodes.storage.rosters.get(account, ROMEO), undefined);
  });

  it("give back every property of an entry", async () => {
    const account = await freshAccount(nodes.storage);
    const entries = [
      contactEntry(ROMEO, {
        name: "Romeo 🎭 \\ ' \" ; --",
        groups: ["Friends", "friends", "A \"b\", 'c'", "", "🎭"],
        subscription: "both",
        ask: true,
        approved: true,
        request: "<presence type='subscribe'><status>Ô '\"\\ 🎭</status></presence>",
      }),
      contactEntry(NURSE, { listed: false, request: "" }),
    ];
    for (const entry of entries) await nodes.storage.rosters.update(account, entry.jid, () => entry);
    for (const entry of entries) assert.deepEqual(await nodes.other.rosters.get(account, entry.jid), entry);
    const listed = byText((await nodes.other.rosters.list(account)).entries);
    assert.deepEqual([...listed.values()].length, 2);
    for (const entry of entries) assert.deepEqual(listed.get(entry.jid.text), entry);
  });

  it("tell apart those with whom there is, or was asked for, a subscription", async () => {
    const account = await freshAccount(nodes.storage);
    const entries = {
      none: contactEntry(Jid.parse("none@capulet.example")),
      approved: contactEntry(Jid.parse("approved@capulet.example"), { approved: true }),
      to: contactEntry(Jid.parse("to@capulet.example"), { subscription: "to" }),
      from: contactEntry(Jid.parse("from@capulet.example"), { subscription: "from", groups: ["a"] }),
      both: contactEntry(Jid.parse("both@capulet.example"), { subscription: "both" }),
      asked: contactEntry(Jid.parse("asked@capulet.example"), { ask: true }),
      asks: contactEntry(Jid.parse("asks@capulet.example"), { listed: false, request: "" }),
    };
    for (const entry of Object.values(entries))
      await nodes.storage.rosters.update(account, entry.jid, () => entry);
    const other = await freshAccount(nodes.storage);
    await nodes.storage.rosters.update(other, ROMEO, () => contactEntry(ROMEO, { subscription: "both" }));
    const { none, approved, ...related } = entries;
    assert.deepEqual(byText(await nodes.other.rosters.related(account)), byText(Object.values(related)));
  });

  it("tell a change what stood before and how many entries are listed", async () => {
    const account = await freshAccount(nodes.storage);
    const { rosters } = nodes.storage;
    const seen: unknown[] = [];
    const change = (contact: Jid, entry: RosterEntry | undefined) =>
      rosters.update(account, contact, (before, listed) => {
        seen.push([before, listed]);
        return entry;
      });
    const romeo = contactEntry(ROMEO);
    const nurse = contactEntry(NURSE, { listed: false });
    await change(ROMEO, romeo);
    await change(NURSE, nurse);
    await change(NURSE, contactEntry(NURSE));
    const result = await change(ROMEO, undefined);
    assert.deepEqual(seen, [
      [undefined, 0],
      [undefined, 1],
      [nurse, 1],
      [romeo, 2],
    ]);
    assert.deepEqual([result.before, result.after], [romeo, undefined]);
    assert.equal(await rosters.get(account, ROMEO), undefined);
  });

  it("move their version with each change that clients see, and only then", async () => {
    const account = await freshAccount(nodes.storage);
    const { rosters } = nodes.storage;
    const versions = [(await rosters.list(account)).version];
    const change = async (moves: boolean, entry: (before?: RosterEntry) => RosterEntry | undefined) => {
      const { version } = await rosters.update(account, ROMEO, entry);
      assert.equal((await nodes.other.rosters.list(account)).version, version);
      assert.equal(!versions.includes(version), moves);
      versions.push(version);
    };
    await change(false, () => undefined);
    await change(false, () => contactEntry(ROMEO, { listed: false }));
    await change(false, () => contactEntry(ROMEO, { listed: false, request: "<presence/>" }));
    await change(true, () => contactEntry(ROMEO));
    await change(false, (before) => before);
    await change(true, () => contactEntry(ROMEO, { name: "Romeo" }));
    await change(true, () => contactEntry(ROMEO, { listed: false }));
    await change(false, () => undefined);
  });

  it("stay as they were when a change throws, and say what it threw", async () => {
    const account = await freshAccount(nodes.storage);
    const { rosters } = nodes.storage;
    await rosters.update(account, ROMEO, () => contactEntry(ROMEO));
    const before = await rosters.list(account);
    const thrown = new Error("too many");
    const failing = rosters.update(account, NURSE, () => {
      throw thrown;
    });
    await assert.rejects(failing, (error) => error === thrown);
    assert.deepEqual(await rosters.list(account), before);
    await rosters.update(account, NURSE, () => contactEntry(NURSE));
  });

  it("lose no change when two nodes change the same entry", async () => {
    const account = await freshAccount(nodes.storage);
    const add = (name: string) => (before: RosterEntry | undefined) =>
      contactEntry(ROMEO, { groups: [...(before?.groups ?? []), name] });
    const names = Array.from({ length: 20 }, (_, index) => `group ${index}`);
    // Also the first change of all, when there is no entry to lock yet.
    const changes = await Promise.all(
      names.map((name, index) =>
        (index % 2 ? nodes.storage : nodes.other).rosters.update(account, ROMEO, add(name)),
      ),
    );
    const entry = await nodes.storage.rosters.get(account, ROMEO);
    assert.deepEqual([...(entry?.groups ?? [])].sort(), [...names].sort());
    assert.equal(new Set(changes.map(({ version }) => version)).size, names.length);
  });

  it("count right when two nodes add different entries", async () => {
    const account = await freshAccount(nodes.storage);
    const counts: number[] = [];
    await Promise.all(
      Array.from({ length: 12 }, (_, index) => {
        const contact = Jid.of(`contact-${index}`, "montague.example");
        return (index % 2 ? nodes.storage : nodes.other).rosters.update(
          account,
          contact,
          (_before, listed) => {
            counts[index] = listed;
            return contactEntry(contact);
          },
        );
      }),
    );
    assert.deepEqual(
      [...counts].sort((a, b) => a - b),
      [...counts.keys()],
    );
  });

  it("tell every address from every other", async () => {
    const account = await freshAccount(nodes.storage);
    const contacts = HOSTILE_TEXTS.flatMap((text) => Jid.tryParse(`romeo@montague.example/${text}`) ?? []);
    const distinct = new Map(contacts.map((contact) => [contact.text, contact]));
    assert.ok(distinct.size > 10);
    for (const contact of distinct.values()) {
      const entry = contactEntry(contact, { name: contact.resource, groups: [contact.resource] });
      const { before } = await nodes.storage.rosters.update(account, contact, () => entry);
      assert.equal(before, undefined);
    }
    for (const contact of distinct.values()) {
      const entry = await nodes.storage.rosters.get(account, contact);
      assert.deepEqual([entry?.jid.text, entry?.name], [contact.text, contact.resource]);
    }
    assert.equal((await nodes.storage.rosters.list(account)).entries.length, distinct.size);
  });

  it("take the longest address there is", async () => {
    const account = await freshAccount(nodes.storage);
    const domain = Array.from({ length: 3 }, () => "a".repeat(63)).join(".");
    const contact = Jid.of("ü".repeat(511), domain, "ü".repeat(511));
    const other = Jid.of("ü".repeat(511), domain, `${"ü".repeat(510)}u`);
    await nodes.storage.rosters.update(account, contact, () => contactEntry(contact));
    assert.deepEqual(await nodes.storage.rosters.get(account, contact), contactEntry(contact));
    assert.equal(await nodes.storage.rosters.get(account, other), undefined);
  });

  it("take texts far longer than a line", async () => {
    const account = await freshAccount(nodes.storage);
    const long = "ö🎭".repeat(50_000);
    const entry = contactEntry(ROMEO, {
      name: long,
      groups: [long],
      request: `<presence>${long}</presence>`,
    });
    await nodes.storage.rosters.update(account, ROMEO, () => entry);
    assert.deepEqual(await nodes.storage.rosters.get(account, ROMEO), entry);
  });

  it("are not changed for an account that was removed", async () => {
    const account = await freshAccount(nodes.storage);
    await nodes.storage.accounts.remove(account.jid);
    await assert.rejects(nodes.storage.rosters.update(account, ROMEO, () => contactEntry(ROMEO)));
    assert.deepEqual((await nodes.storage.rosters.list(account)).entries, []);
  });
}
