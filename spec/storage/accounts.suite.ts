import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { contactEntry, credentialsOf, freshAccount, freshLocal, HOSTILE_LOCALS } from "./people.js";
import type { Nodes } from "./storage.suite.js";

export function accountsSuite(nodes: Nodes): void {
  const fresh = () => Jid.of(freshLocal(), "capulet.example");

  it("are found by their bare address once they were created", async () => {
    const jid = fresh();
    assert.equal(await nodes.storage.accounts.find(jid), undefined);
    const created = await nodes.storage.accounts.create(jid, {});
    assert.equal(created?.jid.text, jid.text);
    assert.ok(Number.isSafeInteger(created.id));
    const found = await nodes.other.accounts.find(jid.withResource("balcony"));
    assert.deepEqual([found?.id, found?.jid.text], [created.id, jid.text]);
  });

  it("are created once, and the second attempt leaves the first as it stands", async () => {
    const jid = fresh();
    await nodes.storage.accounts.create(jid, credentialsOf("first"));
    assert.equal(await nodes.storage.accounts.create(jid, credentialsOf("second")), undefined);
    assert.deepEqual(await nodes.storage.accounts.credentials(jid), credentialsOf("first"));
  });

  it("are created by one of two nodes that try at once", async () => {
    for (let round = 0; round < 10; round++) {
      const jid = fresh();
      const results = await Promise.all([
        nodes.storage.accounts.create(jid, {}),
        nodes.other.accounts.create(jid, {}),
      ]);
      assert.equal(results.filter((account) => account !== undefined).length, 1);
    }
  });

  it("give back the keys of every mechanism, byte by byte", async () => {
    const jid = fresh();
    await nodes.storage.accounts.create(jid, credentialsOf("first", 1_000_000));
    assert.deepEqual(await nodes.other.accounts.credentials(jid), credentialsOf("first", 1_000_000));
  });

  it("have no credentials when they do not exist", async () => {
    assert.equal(await nodes.storage.accounts.credentials(fresh()), undefined);
  });

  it("take new credentials, and the same ones again", async () => {
    const jid = fresh();
    await nodes.storage.accounts.create(jid, credentialsOf("first"));
    assert.equal(await nodes.storage.accounts.setCredentials(jid, credentialsOf("second")), true);
    assert.equal(await nodes.storage.accounts.setCredentials(jid, credentialsOf("second")), true);
    assert.deepEqual(await nodes.storage.accounts.credentials(jid), credentialsOf("second"));
  });

  it("take new credentials in the place of others, unless these have changed meanwhile", async () => {
    const jid = fresh();
    const { accounts } = nodes.storage;
    await accounts.create(jid, credentialsOf("first"));
    const [first, second] = [credentialsOf("first"), credentialsOf("second", 10_000)];
    assert.equal(await accounts.replaceCredentials(jid, first, second), true);
    assert.equal(await nodes.other.accounts.replaceCredentials(jid, first, credentialsOf("third")), false);
    assert.deepEqual(await accounts.credentials(jid), second);
    assert.equal(await accounts.replaceCredentials(fresh(), first, second), false);
  });

  it("are counted by domain and by the iterations of their keys", async () => {
    const domain = `${freshLocal("house")}.example`;
    const { accounts } = nodes.storage;
    assert.deepEqual(await accounts.iterationCounts(domain), []);
    const key = credentialsOf("x", 5000)["sha-256"];
    const all = [credentialsOf("a", 10_000), credentialsOf("b", 5000), credentialsOf("c", 5000), {}];
    for (const credentials of [...all, { "sha-512": key }])
      await accounts.create(Jid.of(freshLocal(), domain), credentials);
    await accounts.create(Jid.of(freshLocal(), `x.${domain}`), credentialsOf("d", 7000));
    assert.deepEqual(await nodes.other.accounts.iterationCounts(domain), [
      { iterations: 5000, accounts: 3 },
      { iterations: 10_000, accounts: 1 },
    ]);
  });

  it("take no credentials when they do not exist", async () => {
    const jid = fresh();
    assert.equal(await nodes.storage.accounts.setCredentials(jid, {}), false);
    assert.equal(await nodes.storage.accounts.find(jid), undefined);
  });

  it("are listed by domain in order of their localparts, page by page", async () => {
    const domain = `${freshLocal("house")}.example`;
    const locals = ["a", "b", "ba", "z", "_", "é", "\u{20000}"];
    for (const local of locals) await freshAccount(nodes.storage, Jid.of(local, domain));
    await freshAccount(nodes.storage, Jid.of("c", `x.${domain}`));

    const seen: string[] = [];
    for (;;) {
      const page = await nodes.storage.accounts.list(domain, seen.at(-1) ?? "", 2);
      assert.ok(page.length <= 2);
      if (page.length === 0) break;
      assert.ok(page.every((jid) => jid.domain === domain));
      seen.push(...page.map((jid) => jid.local));
    }
    assert.deepEqual(seen, ["_", "a", "b", "ba", "z", "é", "\u{20000}"]);
  });

  it("may have any name, and no name means another", async () => {
    const domain = `${freshLocal("house")}.example`;
    for (const local of HOSTILE_LOCALS) {
      await nodes.storage.accounts.create(Jid.of(local, domain), credentialsOf(local));
    }
    for (const local of HOSTILE_LOCALS) {
      const jid = Jid.of(local, domain);
      assert.equal((await nodes.storage.accounts.find(jid))?.jid.local, local);
      assert.deepEqual(await nodes.storage.accounts.credentials(jid), credentialsOf(local));
    }
    const listed = await nodes.storage.accounts.list(domain, "", 100);
    assert.deepEqual(listed.map((jid) => jid.local).sort(), [...HOSTILE_LOCALS].sort());
    assert.deepEqual(await nodes.storage.accounts.list("' or ''='", "' or ''='", 100), []);
  });

  it("may have the longest address there is", async () => {
    // RFC 7622 §3.2, §3.3: 1023 bytes each.
    const label = "a".repeat(63);
    const domain = Array.from({ length: 3 }, () => label).join(".");
    const jid = Jid.of("ü".repeat(511), domain);
    const other = Jid.of(`${"ü".repeat(510)}u`, domain);
    const created = await freshAccount(nodes.storage, jid);
    assert.equal((await nodes.storage.accounts.find(jid))?.id, created.id);
    assert.equal(await nodes.storage.accounts.find(other), undefined);
    await nodes.storage.accounts.remove(jid);
  });

  it("are gone with all that was theirs when they are removed", async () => {
    const { storage, other } = nodes;
    const juliet = await freshAccount(storage);
    const nurse = await freshAccount(storage);
    const contact = Jid.parse("romeo@montague.example");
    const id = Math.floor(Number.MAX_SAFE_INTEGER / 2) + juliet.id;
    const message = { id, stanza: "<message/>", receivedAt: 1, holder: undefined };
    await storage.rosters.update(juliet, contact, () => contactEntry(contact));
    await storage.keyValues.set(juliet, "private", "key", "value");
    await storage.keyValues.set(nurse, "private", "key", "value");
    await storage.messages.append([
      { ...message, account: juliet },
      { ...message, account: nurse },
    ]);

    assert.equal(await storage.accounts.remove(juliet.jid), true);
    assert.equal(await storage.accounts.remove(juliet.jid), false);
    assert.equal(await other.accounts.find(juliet.jid), undefined);
    assert.equal(await other.accounts.credentials(juliet.jid), undefined);
    assert.deepEqual((await other.rosters.list(juliet)).entries, []);
    assert.deepEqual(await other.keyValues.keys(juliet, "private", 10), []);
    assert.equal(await other.messages.count(juliet, 10), 0);

    assert.deepEqual(await other.keyValues.keys(nurse, "private", 10), ["key"]);
    assert.equal(await other.messages.count(nurse, 10), 1);
  });

  it("begin empty when they are created again, under another id", async () => {
    const { storage } = nodes;
    const jid = fresh();
    const first = await freshAccount(storage, jid);
    await storage.keyValues.set(first, "private", "key", "value");
    await storage.accounts.remove(jid);
    const second = await freshAccount(storage, jid);
    assert.notEqual(second.id, first.id);
    assert.deepEqual(await storage.keyValues.keys(second, "private", 10), []);
    assert.notEqual(
      (await storage.rosters.list(second)).version,
      (await storage.rosters.list(first)).version,
    );
  });
}
