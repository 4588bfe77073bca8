import assert from "node:assert/strict";
import { openStorage } from "../../src/storage/knex/connect.js";
import { MessageIds } from "../../src/storage/message-id.js";
import { MessageLog } from "../../src/storage/message-log.js";
import { ReferenceLog, type ReferenceLogOptions } from "../../src/storage/reference-log.js";
import type { Account, ArchiveRepository, Archives, Storage } from "../../src/storage/types.js";
import { Jid } from "../../src/xmpp/jid.js";
import { silentLog } from "../support/silent-log.js";
import { freshAccount } from "./people.js";

const romeo = Jid.parse("romeo@montague.lit/orchard");
const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER };

function text(from: Jid, to: Jid, said: string) {
  const stanza = `<message xmlns="jabber:client" from="${from}" to="${to}"><body>${said}</body></message>`;
  return { size: stanza.length, toString: () => stanza };
}

/** The archive of a real database that can be told to refuse what is added. */
class Moody {
  refuses = false;
  adds = 0;
  onAdd: (() => void) | undefined;
  readonly archive: ArchiveRepository;

  constructor({ archive }: Storage) {
    this.archive = {
      mark: (slot) => archive.mark(slot),
      kept: (after, limit) => archive.kept(after, limit),
      find: (account, query, limit) => archive.find(account, query, limit),
      has: (account, ids) => archive.has(account, ids),
      read: (ids) => archive.read(ids),
      ends: (account) => archive.ends(account),
      expire: (domain, after, before, limit) => archive.expire(domain, after, before, limit),
      clear: (limit) => archive.clear(limit),
      add: async (references, mark) => {
        this.adds += 1;
        this.onAdd?.();
        if (this.refuses) throw new Error("disk full");
        return archive.add(references, mark);
      },
    };
  }
}

describe("The archive behind the message log", () => {
  let storage: Storage;
  let juliet: Account;
  let moody: Moody;
  beforeEach(async () => {
    storage = await openStorage({ client: "sqlite", file: ":memory:", durability: "relaxed" }, silentLog);
    juliet = await freshAccount(storage);
    moody = new Moody(storage);
  });
  afterEach(() => storage.close());

  const referenceLog = (options: Partial<ReferenceLogOptions> = {}, slot = 0) =>
    new ReferenceLog(moody.archive, slot, silentLog, { delay: 60_000, retry: 60_000, ...options });
  const messageLog = (references?: ReferenceLog, slot = 0) =>
    new MessageLog(storage.messages, new MessageIds(slot), silentLog, { gather: 1, retry: 1 }, references);
  const received = (from = romeo): Archives => ({
    sender: undefined,
    recipient: juliet,
    from,
    to: juliet.jid,
  });
  const found = (account = juliet) => storage.archive.find(account, ALL, 1000);
  const say = (log: MessageLog, said: string, archives = received()) =>
    log.append(juliet, text(archives.from, archives.to, said), "node", undefined, archives);
  const pending = async () => (await storage.messages.pending(juliet, 0, 1000, [])).map(({ id }) => id);

  it("has a message that was delivered before its group was written; nobody waits for it", async () => {
    const references = referenceLog();
    const log = messageLog(references);
    const entry = say(log, "one");
    log.settle(entry);
    await log.flushed();
    await references.written();
    assert.deepEqual(await found(), [entry.id]);
    assert.deepEqual(await pending(), []);
  });

  it("has a message that is delivered while its group is written, and later", async () => {
    const references = referenceLog();
    const log = messageLog(references);
    const [meanwhile, later, waits] = [say(log, "one"), say(log, "two"), say(log, "three")];
    const written = log.flushed();
    setImmediate(() => log.settle(meanwhile));
    await written;
    log.settle(later);
    await log.flushed();
    await references.written();
    assert.deepEqual(await pending(), [waits.id]);
    assert.deepEqual(await found(), [meanwhile.id, later.id, waits.id]);
  });

  it("does not have what no archive wants, and that still never touches the disk when it is delivered at once", async () => {
    const references = referenceLog();
    const log = messageLog(references);
    const plain = log.append(juliet, text(romeo, juliet.jid, "one"), "node");
    log.settle(plain);
    const kept = say(log, "two");
    await log.flushed();
    await references.written();
    assert.deepEqual(await found(), [kept.id]);
    assert.deepEqual(await storage.archive.read([plain.id]), []);
  });

  it("releases the ticket of a message only when it is written, delivered or not", async () => {
    const log = messageLog();
    let held = 0;
    const ticket = {
      hold: () => {
        held += 1;
      },
      release: () => {
        held -= 1;
      },
    };
    const archives = received();
    log.archive(text(romeo, juliet.jid, "one"), archives, ticket);
    assert.equal(held, 1);
    await log.flushed();
    assert.equal(held, 0);
    const [kept] = await storage.archive.kept(0, 10);
    assert.equal(kept.recipient, juliet.id);
  });

  it("writes references in groups", async () => {
    const references = referenceLog({ batch: 10 });
    await references.written();
    const log = messageLog(references);
    for (let i = 0; i < 25; i++) say(log, `${i}`);
    await log.flushed();
    await references.written();
    assert.equal((await found()).length, 25);
    assert.equal(moody.adds, 3);
  });

  it("writes full groups by itself and leaves the rest to gather, until somebody asks", async () => {
    const references = referenceLog({ batch: 10 });
    await references.written();
    const log = messageLog(references);
    for (let i = 0; i < 25; i++) say(log, `${i}`);
    await log.flushed();
    while ((await found()).length < 20) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(moody.adds, 2);
    await references.written();
    assert.equal(moody.adds, 3);
    assert.equal((await found()).length, 25);
  });

  it("comes to an end for somebody who asks while more and more are added", async () => {
    const references = referenceLog({ batch: 10 });
    await references.written();
    const log = messageLog(references);
    const asked = Array.from({ length: 5 }, (_, i) => say(log, `${i}`));
    await log.flushed();
    // With each group that is written another one comes, so that there is always one that waits.
    moody.onAdd = () => references.add({ id: asked[4].id, archives: received() });
    await references.written();
    assert.deepEqual(
      await found(),
      asked.map(({ id }) => id),
    );
  });

  it("writes them by itself after a while", async () => {
    const references = referenceLog({ delay: 1 });
    const log = messageLog(references);
    const entry = say(log, "one");
    await log.flushed();
    const isThere = async () => (await storage.archive.has(juliet, [entry.id])).size === 1;
    while (!(await isThere())) await new Promise((resolve) => setImmediate(resolve));
    await references.stop();
  });

  it("derives at the next start what was not written before a crash", async () => {
    const log = messageLog();
    const nurse = await freshAccount(storage);
    const sent: Archives = { sender: juliet, recipient: nurse, from: juliet.jid, to: nurse.jid };
    const entries = Array.from({ length: 250 }, (_, i) => say(log, `${i}`, i % 2 === 0 ? received() : sent));
    await log.flushed();
    assert.deepEqual(await found(), []);

    const references = referenceLog();
    references.start();
    await references.written();
    assert.deepEqual(
      await found(),
      entries.map(({ id }) => id),
    );
    assert.equal((await found(nurse)).length, 125);
    assert.equal((await storage.archive.find(juliet, { ...ALL, with: romeo }, 1000)).length, 125);
    assert.equal((await storage.archive.find(juliet, { ...ALL, with: nurse.jid }, 1000)).length, 125);
    assert.equal(await storage.archive.mark(0), entries.at(-1)?.id);
  });

  it("does not look again at what it has written before", async () => {
    const references = referenceLog();
    const log = messageLog(references);
    const entries = [say(log, "one"), say(log, "two")];
    await log.flushed();
    await references.stop();
    assert.equal(await storage.archive.mark(0), entries[1].id);
    const before = moody.adds;
    await referenceLog().written();
    assert.equal(moody.adds, before);
  });

  it("leaves what other nodes have written to them", async () => {
    const other = messageLog(undefined, 5);
    const theirs = say(other, "one");
    await other.flushed();
    const own = messageLog();
    const ours = say(own, "two");
    await own.flushed();
    await referenceLog().written();
    assert.deepEqual(await found(), [ours.id]);
    await referenceLog({}, 5).written();
    assert.deepEqual(await found(), [theirs.id, ours.id]);
  });

  it("loses none while the database refuses them", async () => {
    const references = referenceLog();
    const log = messageLog(references);
    const first = say(log, "one");
    await log.flushed();
    moody.refuses = true;
    await assert.rejects(references.written(), /disk full/);
    const second = say(log, "two");
    await log.flushed();
    await assert.rejects(references.written(), /disk full/);
    moody.refuses = false;
    const third = say(log, "three");
    await log.flushed();
    await references.written();
    assert.deepEqual(await found(), [first.id, second.id, third.id]);
  });

  it("reads them from the database again when too many wait", async () => {
    const references = referenceLog({ maxWaiting: 5 });
    await references.written();
    const log = messageLog(references);
    const entries = Array.from({ length: 12 }, (_, i) => say(log, `${i}`));
    await log.flushed();
    await references.written();
    assert.deepEqual(
      await found(),
      entries.map(({ id }) => id),
    );
  });
});
