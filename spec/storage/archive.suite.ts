import assert from "node:assert/strict";
import { MessageIds } from "../../src/storage/message-id.js";
import type { Account, ArchiveQuery, ArchiveReference, NewMessage } from "../../src/storage/types.js";
import { Jid } from "../../src/xmpp/jid.js";
import { credentialsOf, freshAccount, freshLocal } from "./people.js";
import type { Nodes } from "./storage.suite.js";

/** Nobody else in the suites has this slot. */
const ids = new MessageIds(7);
const ALL: ArchiveQuery = { from: 0, to: Number.MAX_SAFE_INTEGER };
const MARK = { slot: 60, id: 1 };
const romeo = Jid.parse("romeo@montague.lit/orchard");
const nurse = Jid.parse("nurse@capulet.lit");

interface Sides {
  sender?: Account;
  recipient?: Account;
}

function messageOf({ sender, recipient }: Sides, changes: Partial<NewMessage> = {}): NewMessage {
  const id = changes.id ?? ids.next();
  return {
    id,
    account: (recipient ?? sender) as Account,
    stanza: `<message id='${id}'/>`,
    receivedAt: Date.now(),
    holder: undefined,
    delivered: true,
    archives: { sender, recipient, from: sender?.jid ?? romeo, to: recipient?.jid ?? romeo },
    ...changes,
  };
}

/** As `storage/reference-log.ts` makes them. */
function referencesTo({ id, archives }: NewMessage): ArchiveReference[] {
  const { sender, recipient, from, to } = archives ?? assert.fail("it is in no archive");
  return [
    ...(sender ? [{ accountId: sender.id, messageId: id, peer: to }] : []),
    ...(recipient ? [{ accountId: recipient.id, messageId: id, peer: from }] : []),
  ];
}

export function archiveSuite(nodes: Nodes): void {
  const fresh = () => freshAccount(nodes.storage);
  const idsOf = (messages: readonly { id: number }[]) => messages.map(({ id }) => id);

  async function archive(messages: readonly NewMessage[]): Promise<readonly NewMessage[]> {
    await nodes.storage.messages.append(messages);
    await nodes.storage.archive.add(messages.flatMap(referencesTo), MARK);
    return messages;
  }
  const archived = (account: Account, count: number, from = romeo) =>
    archive(
      Array.from({ length: count }, () => {
        const message = messageOf({ recipient: account });
        return { ...message, archives: { sender: undefined, recipient: account, from, to: account.jid } };
      }),
    );
  const find = (account: Account, query: Partial<ArchiveQuery> = {}, limit = 1000) =>
    nodes.other.archive.find(account, { ...ALL, ...query }, limit);
  /** Those of the messages whose text is there. */
  const there = async (messages: readonly { id: number }[]) =>
    idsOf(await nodes.other.archive.read(idsOf(messages)));

  it("gives an account's messages in order of their ids, from either end", async () => {
    const [account, neighbour] = [await fresh(), await fresh()];
    const [a, b, c, d, e] = idsOf(await archived(account, 5));
    await archived(neighbour, 2);
    assert.deepEqual(await find(account), [a, b, c, d, e]);
    assert.deepEqual(await find(account, {}, 2), [a, b]);
    assert.deepEqual(await find(account, { backwards: true }, 2), [d, e]);
    assert.deepEqual(await find(account, { from: b, to: d }), [b, c, d]);
    assert.deepEqual(await find(account, { from: b + 1, to: d - 1 }), [c]);
    assert.deepEqual(await find(account, { to: d - 1, backwards: true }, 2), [b, c]);
    assert.deepEqual(await find(account, { from: e + 1 }), []);
    assert.deepEqual(await find(account, { from: d, to: b }), []);
    assert.deepEqual(await find(account, {}, 0), []);
  });

  it("gives what was exchanged with one contact, or with one resource of it", async () => {
    const account = await fresh();
    const messages: number[] = [];
    for (const from of [romeo, nurse, romeo.bare, Jid.parse("romeo@montague.lit/tomb"), romeo]) {
      messages.push(...idsOf(await archived(account, 1, from)));
    }
    const [one, two, three, four, five] = messages;
    assert.deepEqual(await find(account, { with: romeo.bare }), [one, three, four, five]);
    assert.deepEqual(await find(account, { with: nurse }), [two]);
    assert.deepEqual(await find(account, { with: romeo }), [one, five]);
    assert.deepEqual(await find(account, { with: romeo, backwards: true }, 1), [five]);
    assert.deepEqual(await find(account, { with: romeo, from: one + 1 }), [five]);
    assert.deepEqual(await find(account, { with: Jid.parse("nurse@capulet.lit/none") }), []);
    assert.deepEqual(await find(account, { with: Jid.parse("stranger@capulet.lit") }), []);
    assert.deepEqual(await find(account, { with: romeo.bare, from: two, backwards: true }, 2), [four, five]);
  });

  it("looks past any number of other resources for one", async function () {
    this.timeout(20_000);
    const account = await fresh();
    const occupant = (nick: string) => Jid.parse(`room@conference.capulet.lit/${nick}`);
    const first = idsOf(await archived(account, 1, occupant("tybalt")));
    for (let i = 0; i < 6; i++) await archived(account, 900, occupant("sampson"));
    const last = idsOf(await archived(account, 2, occupant("tybalt")));
    assert.deepEqual(await find(account, { with: occupant("tybalt") }), [...first, ...last]);
    assert.deepEqual(await find(account, { with: occupant("tybalt"), backwards: true }, 3), [
      ...first,
      ...last,
    ]);
    assert.equal((await find(account, { with: occupant("sampson") }, 5300)).length, 5300);
  });

  it("gives messages to oneself, whatever the resource", async () => {
    const account = await fresh();
    const own = await archive([messageOf({ recipient: account }, {})]);
    const note = messageOf({ recipient: account });
    const self = {
      ...note,
      archives: { sender: undefined, recipient: account, from: account.jid, to: account.jid },
    };
    await archive([self]);
    assert.deepEqual(await find(account, { with: account.jid }), [self.id]);
    assert.deepEqual(await find(account, { with: Jid.parse(`${account.jid}/phone`) }), [self.id]);
    assert.deepEqual(await find(account), [own[0].id, self.id]);
  });

  it("gives those of some messages that it has", async () => {
    const [account, neighbour] = [await fresh(), await fresh()];
    const [a, b, c] = idsOf(await archived(account, 3));
    const [other] = idsOf(await archived(neighbour, 1));
    assert.deepEqual(await find(account, { ids: [c, other, a] }), [a, c]);
    assert.deepEqual(await find(account, { ids: [a, b, c], from: b, backwards: true }, 1), [c]);
    assert.deepEqual(await find(account, { ids: [] }), []);
    assert.deepEqual(await nodes.storage.archive.has(account, [c, other, a, 5]), new Set([a, c]));
    assert.deepEqual(await nodes.storage.archive.has(account, []), new Set());
  });

  it("gives the texts of messages in order", async () => {
    const account = await fresh();
    const [one, two] = await archived(account, 2);
    assert.deepEqual(await nodes.other.archive.read([two.id, 5, one.id]), [
      { id: one.id, stanza: one.stanza },
      { id: two.id, stanza: two.stanza },
    ]);
    assert.deepEqual(await nodes.other.archive.read([]), []);
  });

  it("knows its two ends", async () => {
    const account = await fresh();
    assert.equal(await nodes.storage.archive.ends(account), undefined);
    const [first, , last] = idsOf(await archived(account, 3));
    assert.deepEqual(await nodes.storage.archive.ends(account), { first, last });
  });

  it("takes references any number of times, from several nodes at once", async () => {
    const [sender, recipient] = [await fresh(), await fresh()];
    const messages = Array.from({ length: 250 }, () => messageOf({ sender, recipient }));
    await nodes.storage.messages.append(messages);
    const references = messages.flatMap(referencesTo);
    await Promise.all([
      nodes.storage.archive.add(references, MARK),
      nodes.other.archive.add(references.toReversed(), MARK),
      nodes.other.archive.add(references, MARK),
    ]);
    assert.deepEqual(await find(sender), idsOf(messages));
    assert.deepEqual(await find(recipient), idsOf(messages));
  });

  it("remembers for each slot how far it has come", async () => {
    const { archive } = nodes.storage;
    assert.equal(await archive.mark(61), 0);
    await archive.add([], { slot: 61, id: 5 });
    await archive.add([], { slot: 62, id: Number.MAX_SAFE_INTEGER });
    await archive.add([], { slot: 61, id: 77 });
    assert.equal(await nodes.other.archive.mark(61), 77);
    assert.equal(await nodes.other.archive.mark(62), Number.MAX_SAFE_INTEGER);
  });

  it("tells which messages should be in it, from a mark on", async () => {
    const [sender, recipient] = [await fresh(), await fresh()];
    const before = ids.next();
    const [both, plain, sent] = [
      messageOf({ sender, recipient }),
      messageOf({ recipient }, { archives: undefined, delivered: false }),
      messageOf({ sender }),
    ];
    await nodes.storage.messages.append([both, plain, sent]);
    const told = await nodes.other.archive.kept(before, 100);
    assert.deepEqual(
      told.filter(({ id }) => id <= sent.id),
      [
        { id: both.id, stanza: both.stanza, sender: sender.id, recipient: recipient.id },
        { id: sent.id, stanza: sent.stanza, sender: sender.id, recipient: undefined },
      ],
    );
    assert.deepEqual(idsOf(await nodes.other.archive.kept(before, 1)), [both.id]);
  });

  describe("and waiting messages", () => {
    it("leave each other alone: what was delivered stays in the archive", async () => {
      const account = await fresh();
      const [waits, gone] = await archive([
        messageOf({ recipient: account }, { delivered: false }),
        messageOf({ recipient: account }),
      ]);
      const pending = await nodes.storage.messages.pending(account, 0, 10, []);
      assert.deepEqual(
        pending.map(({ id, archived: is }) => [id, is]),
        [[waits.id, true]],
      );
      await nodes.storage.messages.settle([waits, gone]);
      assert.deepEqual(await nodes.storage.messages.pending(account, 0, 10, []), []);
      assert.deepEqual(await find(account), [waits.id, gone.id]);
      assert.deepEqual(await there([waits, gone]), [waits.id, gone.id]);
    });

    it("tell that a message is in the sender's archive only", async () => {
      const [sender, recipient] = [await fresh(), await fresh()];
      const message = messageOf({ sender }, { account: recipient, delivered: false });
      await archive([message]);
      const [waiting] = await nodes.storage.messages.pending(recipient, 0, 10, []);
      assert.equal(waiting.archived, undefined);
      await nodes.storage.messages.settle([message]);
      assert.deepEqual(await there([message]), [message.id]);
    });
  });

  describe("in the course of time", () => {
    const domain = "retention.lit";
    const made = async (name: string) => {
      const jid = Jid.of(freshLocal("juliet"), name);
      return (await nodes.storage.accounts.create(jid, credentialsOf("secret"))) as Account;
    };
    async function expire(
      [oldest]: readonly NewMessage[],
      before: number,
      limit: number,
      name = domain,
    ): Promise<number> {
      let steps = 0;
      let next: number | undefined = oldest.id - 1;
      for (; next !== undefined; steps++) {
        next = await nodes.storage.archive.expire(name, next, before, limit);
      }
      return steps;
    }

    it("loses what is older than a time, step by step", async () => {
      const account = await made(domain);
      const messages = await archived(account, 25);
      const kept = await archived(account, 2);
      assert.equal(await expire(messages, kept[0].id, 10), 3);
      assert.deepEqual(await find(account), idsOf(kept));
      assert.deepEqual(await there(messages), []);
      assert.deepEqual(await there(kept), idsOf(kept));
    });

    it("loses it for the accounts of one domain; a message goes with the last that has it", async () => {
      const [here, elsewhere] = [await made(domain), await made("elsewhere.lit")];
      const messages = [
        messageOf({ sender: here, recipient: elsewhere }),
        messageOf({ sender: elsewhere, recipient: here }),
      ];
      await archive(messages);
      const end = ids.next();
      await expire(messages, end, 100);
      assert.deepEqual(await find(here), []);
      assert.deepEqual(await find(elsewhere), idsOf(messages));
      await expire(messages, end, 100, "elsewhere.lit");
      assert.deepEqual(await find(elsewhere), []);
      assert.deepEqual(await there(messages), []);
    });

    it("does not take from anybody what still waits", async () => {
      const account = await made(domain);
      const [message] = await archive([messageOf({ recipient: account }, { delivered: false })]);
      await expire([message], ids.next(), 100);
      assert.deepEqual(await find(account), []);
      const [waiting] = await nodes.storage.messages.pending(account, 0, 10, []);
      assert.equal(waiting.id, message.id);
      assert.equal(waiting.archived, undefined);
      await nodes.storage.messages.settle([message]);
      assert.deepEqual(await there([message]), []);
    });

    it("leaves nothing behind when a message is settled at the same moment", async function () {
      this.timeout(20_000);
      const account = await made(domain);
      for (let round = 0; round < 5; round++) {
        const messages = await archive(
          Array.from({ length: 100 }, () => messageOf({ recipient: account }, { delivered: false })),
        );
        await Promise.all([
          expire(messages, ids.next(), 40),
          nodes.other.messages.settle(messages),
          nodes.other.messages.settle(messages.toReversed()),
        ]);
        assert.deepEqual(await there(messages), []);
      }
    });
  });

  describe("of a removed account", () => {
    const clear = async (limit: number) => {
      let steps = 0;
      while (await nodes.storage.archive.clear(limit)) steps++;
      return steps;
    };

    it("goes step by step; the other side keeps its own", async () => {
      await clear(1000);
      const [removed, other] = [await fresh(), await fresh()];
      const own = await archived(removed, 25);
      const shared = await archive([
        messageOf({ sender: removed, recipient: other }),
        messageOf({ sender: other, recipient: removed }),
      ]);
      await nodes.storage.accounts.remove(removed.jid);
      assert.equal(await clear(10), 3);
      assert.deepEqual(await find(removed), []);
      assert.deepEqual(await there(own), []);
      assert.deepEqual(await find(other), idsOf(shared));
      assert.deepEqual(await there(shared), idsOf(shared));
    });

    it("gets nothing that comes late", async () => {
      const [removed, other] = [await fresh(), await fresh()];
      const messages = [messageOf({ recipient: removed }), messageOf({ sender: removed, recipient: other })];
      await nodes.storage.messages.append(messages);
      await nodes.storage.accounts.remove(removed.jid);
      await nodes.storage.archive.add(messages.flatMap(referencesTo), MARK);
      assert.deepEqual(await find(removed), []);
      assert.deepEqual(await there(messages), [messages[1].id]);
      assert.deepEqual(await find(other), [messages[1].id]);
    });
  });
}
