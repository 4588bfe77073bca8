import assert from "node:assert/strict";
import { MessageIds } from "../../src/storage/message-id.js";
import type { Account, PendingMessage } from "../../src/storage/types.js";
import { freshAccount, HOSTILE_TEXTS } from "./people.js";
import type { Nodes } from "./storage.suite.js";

const ids = new MessageIds(1);

function messageFor(account: Account, changes: Partial<PendingMessage> = {}): PendingMessage {
  const id = ids.next();
  return {
    id,
    account,
    stanza: `<message id='${id}'/>`,
    receivedAt: Date.now(),
    holder: undefined,
    ...changes,
  };
}

export function messagesSuite(nodes: Nodes): void {
  const fresh = () => freshAccount(nodes.storage);
  const idsOf = (messages: readonly PendingMessage[]) => messages.map(({ id }) => id);
  const pendingIds = async (account: Account, alive: string[] = []) =>
    idsOf(await nodes.storage.messages.pending(account, 0, 10_000, alive));
  /**
   * Those of the messages whose text is still there, seen from outside: it is not replaced by another one under the
   * same id.
   */
  async function kept(messageIds: readonly number[]): Promise<number[]> {
    const witness = await fresh();
    const others = messageIds.map((id) => messageFor(witness, { id, stanza: "<another/>" }));
    await nodes.storage.messages.append(others);
    const found = await nodes.storage.messages.pending(witness, 0, others.length, []);
    await nodes.storage.messages.settle(others);
    return idsOf(found.filter(({ stanza }) => stanza !== "<another/>"));
  }
  const isKept = async (id: number) => (await kept([id])).length === 1;

  it("wait for their account until they are settled", async () => {
    const account = await fresh();
    const message = messageFor(account, { receivedAt: 1_790_000_000_123, holder: "node-1" });
    await nodes.storage.messages.append([message]);
    assert.deepEqual(await nodes.other.messages.pending(account, 0, 10, []), [message]);
    await nodes.other.messages.settle([message]);
    assert.deepEqual(await nodes.storage.messages.pending(account, 0, 10, []), []);
    assert.equal(await isKept(message.id), false);
  });

  it("come in order of their ids, whatever order they were written in", async () => {
    const account = await fresh();
    const messages = Array.from({ length: 5 }, () => messageFor(account));
    const [a, b, c, d, e] = messages;
    await nodes.storage.messages.append([d, b]);
    await nodes.other.messages.append([e, a, c]);
    assert.deepEqual(await nodes.storage.messages.pending(account, 0, 10, []), messages);
  });

  it("and marks of archives tell the highest id that was ever given", async () => {
    const account = await fresh();
    const before = await nodes.storage.messages.lastId();
    const [first, last] = [1, 2].map((more) => messageFor(account, { id: before + more }));
    await nodes.storage.messages.append([last, first]);
    assert.equal(await nodes.other.messages.lastId(), last.id);
    await nodes.storage.messages.settle([first, last]);
    const marked = last.id + 10;
    await nodes.storage.archive.add([], { slot: 5, id: marked });
    assert.equal(await nodes.other.messages.lastId(), marked);
  });

  it("come page by page", async () => {
    const account = await fresh();
    const messages = Array.from({ length: 5 }, () => messageFor(account));
    await nodes.storage.messages.append(messages);
    const page = (after: number, limit: number) => nodes.storage.messages.pending(account, after, limit, []);
    assert.deepEqual(idsOf(await page(0, 2)), idsOf(messages.slice(0, 2)));
    assert.deepEqual(idsOf(await page(messages[1].id, 2)), idsOf(messages.slice(2, 4)));
    assert.deepEqual(idsOf(await page(messages[3].id, 2)), idsOf(messages.slice(4)));
    assert.deepEqual(await page(messages[4].id, 2), []);
  });

  it("are counted up to a limit", async () => {
    const account = await fresh();
    assert.equal(await nodes.storage.messages.count(account, 10), 0);
    await nodes.storage.messages.append(Array.from({ length: 5 }, () => messageFor(account)));
    assert.equal(await nodes.storage.messages.count(account, 10), 5);
    assert.equal(await nodes.storage.messages.count(account, 3), 3);
  });

  it("are of no concern to other accounts", async () => {
    const [account, neighbour] = [await fresh(), await fresh()];
    const message = messageFor(account);
    await nodes.storage.messages.append([message]);
    assert.deepEqual(await pendingIds(neighbour), []);
    await nodes.storage.messages.settle([{ account: neighbour, id: message.id }]);
    await nodes.storage.messages.release([{ account: neighbour, id: message.id }]);
    assert.deepEqual(await pendingIds(account), [message.id]);
  });

  it("are left as they stand when they are written again", async () => {
    const account = await fresh();
    const message = messageFor(account, { holder: "node-1" });
    const another = messageFor(account);
    await nodes.storage.messages.append([message]);
    await nodes.other.messages.append([
      { ...message, stanza: "<another/>", receivedAt: 5, holder: "node-2" },
      another,
      another,
    ]);
    assert.deepEqual(await nodes.storage.messages.pending(account, 0, 10, []), [message, another]);
  });

  it("are settled and released any number of times", async () => {
    const account = await fresh();
    const message = messageFor(account);
    await nodes.storage.messages.append([message]);
    await nodes.storage.messages.settle([message, message]);
    await nodes.storage.messages.settle([message]);
    await nodes.storage.messages.release([message]);
    assert.deepEqual(await pendingIds(account), []);
  });

  it("stay for the accounts that still need them", async () => {
    const [first, second] = [await fresh(), await fresh()];
    const message = messageFor(first);
    const shared = { ...message, account: second };
    const crossed = [messageFor(first), messageFor(second)];
    await nodes.storage.messages.append([message, shared, ...crossed]);
    await nodes.storage.messages.settle([message, crossed[1]]);
    assert.deepEqual(await pendingIds(first), [crossed[0].id]);
    assert.deepEqual(await nodes.storage.messages.pending(second, 0, 10, []), [shared]);
    assert.equal(await isKept(message.id), true);
    await nodes.storage.messages.settle([shared]);
    assert.equal(await isKept(message.id), false);
  });

  it("are gone when two nodes settle their last two marks at once", async function () {
    this.timeout(20_000);
    const [first, second] = [await fresh(), await fresh()];
    for (let round = 0; round < 3; round++) {
      const ours = Array.from({ length: 200 }, () => messageFor(first));
      const theirs = ours.map((message) => ({ ...message, account: second }));
      await nodes.storage.messages.append([...ours, ...theirs]);
      await Promise.all([nodes.storage.messages.settle(ours), nodes.other.messages.settle(theirs)]);
      assert.deepEqual(await kept(idsOf(ours)), []);
    }
  });

  it("are not given to others while the node that holds them lives", async () => {
    const account = await fresh();
    const holders = ["node-1", "node-2", "it's; --", undefined];
    const messages = holders.map((holder) => messageFor(account, { holder }));
    const [one, two, three, free] = idsOf(messages);
    await nodes.storage.messages.append(messages);
    assert.deepEqual(await pendingIds(account, []), [one, two, three, free]);
    assert.deepEqual(await pendingIds(account, ["node-1"]), [two, three, free]);
    assert.deepEqual(await pendingIds(account, ["it's; --", "node-2", "node-9"]), [one, free]);
    assert.deepEqual(await pendingIds(account, ["NODE-1", "node-1 ", "node", "' or 1=1"]), [
      one,
      two,
      three,
      free,
    ]);
  });

  it("are for anybody once they are released", async () => {
    const account = await fresh();
    const [kept, released] = [
      messageFor(account, { holder: "node-1" }),
      messageFor(account, { holder: "node-1" }),
    ];
    await nodes.storage.messages.append([kept, released]);
    await nodes.storage.messages.release([released]);
    assert.deepEqual(await nodes.other.messages.pending(account, 0, 10, ["node-1"]), [
      { ...released, holder: undefined },
    ]);
  });

  it("of a removed account go nowhere, and their neighbours are written", async () => {
    const [removed, account] = [await fresh(), await fresh()];
    await nodes.storage.accounts.remove(removed.jid);
    const [lost, written] = [messageFor(removed), messageFor(account)];
    await nodes.storage.messages.append([lost, written, { ...lost, account: { id: 0, jid: account.jid } }]);
    assert.deepEqual(await pendingIds(account), [written.id]);
    assert.deepEqual(await pendingIds(removed), []);
    assert.equal(await isKept(lost.id), false);
  });

  it("go with the account they waited for, unless another needs them", async () => {
    const [removed, account] = [await fresh(), await fresh()];
    const shared = messageFor(removed);
    const own = Array.from({ length: 450 }, () => messageFor(removed));
    await nodes.storage.messages.append([...own, shared, { ...shared, account }]);
    await nodes.storage.accounts.remove(removed.jid);
    assert.equal(await isKept(own[0].id), false);
    assert.equal(await isKept(own[449].id), false);
    assert.deepEqual(await pendingIds(account), [shared.id]);
    assert.equal(await isKept(shared.id), true);
  });

  it("are written for the others while an account is being removed", async () => {
    const neighbour = await fresh();
    for (let round = 0; round < 10; round++) {
      const account = await fresh();
      const messages = [messageFor(account), messageFor(neighbour)];
      await Promise.all([nodes.storage.messages.append(messages), nodes.other.accounts.remove(account.jid)]);
      assert.deepEqual(await pendingIds(account), []);
      assert.equal((await pendingIds(neighbour)).length, round + 1);
      assert.equal(await isKept(messages[0].id), false);
    }
  });

  it("are written, released and settled by the hundred, from two nodes at once", async function () {
    this.timeout(20_000);
    const accounts = [await fresh(), await fresh(), await fresh()];
    const batch = () =>
      Array.from({ length: 450 }, (_, index) => messageFor(accounts[index % 3], { holder: "n" }));
    const [ours, theirs] = [batch(), batch()];
    await Promise.all([nodes.storage.messages.append(ours), nodes.other.messages.append(theirs)]);
    for (const account of accounts) assert.equal((await pendingIds(account)).length, 300);
    await Promise.all([nodes.storage.messages.release(theirs), nodes.other.messages.release(ours.slice(1))]);
    assert.equal((await pendingIds(accounts[0], ["n"])).length, 299);
    await Promise.all([
      nodes.storage.messages.settle(theirs),
      nodes.other.messages.settle(ours.slice(0, -1)),
    ]);
    const last = ours.at(-1)!;
    assert.deepEqual(await pendingIds(last.account), [last.id]);
    assert.equal(await isKept(ours[0].id), false);
    assert.equal(await isKept(last.id), true);
  });

  it("are written once when two nodes write the same ones in opposite order", async function () {
    this.timeout(20_000);
    const account = await fresh();
    for (let round = 0; round < 5; round++) {
      const messages = Array.from({ length: 40 }, () => messageFor(account));
      await Promise.all([
        nodes.storage.messages.append(messages),
        nodes.other.messages.append(messages.toReversed()),
        nodes.other.messages.append(messages),
      ]);
      assert.deepEqual(await pendingIds(account), idsOf(messages));
      await Promise.all([
        nodes.storage.messages.settle(messages),
        nodes.other.messages.settle(messages.toReversed()),
      ]);
    }
  });

  it("keep their text, character by character", async () => {
    const account = await fresh();
    const messages = HOSTILE_TEXTS.map((text) =>
      messageFor(account, { stanza: `<message>${text}</message>` }),
    );
    await nodes.storage.messages.append(messages);
    assert.deepEqual(await nodes.other.messages.pending(account, 0, 100, []), messages);
  });

  it("may be as large as stanzas get, and many of them", async function () {
    this.timeout(20_000);
    const account = await fresh();
    const text = "ö'\\🎭".repeat(52_000);
    const messages = Array.from({ length: 12 }, () =>
      messageFor(account, { stanza: `<message>${text}</message>` }),
    );
    await nodes.storage.messages.append(messages);
    assert.deepEqual(await nodes.storage.messages.pending(account, 0, 100, []), messages);
    await nodes.storage.messages.settle(messages);
  });

  it("may have the highest of all ids", async () => {
    const account = await fresh();
    const highest = messageFor(account, { id: Number.MAX_SAFE_INTEGER });
    const next = messageFor(account, { id: Number.MAX_SAFE_INTEGER - 1 });
    await nodes.storage.messages.append([highest, next]);
    assert.deepEqual(await pendingIds(account), [next.id, highest.id]);
    await nodes.storage.messages.settle([next]);
    assert.deepEqual(await pendingIds(account), [highest.id]);
    await nodes.storage.messages.settle([highest]);
  });

  it("need not be any", async () => {
    await nodes.storage.messages.append([]);
    await nodes.storage.messages.settle([]);
    await nodes.storage.messages.release([]);
  });

  it("are claimed by one of the nodes that want them, and not from one that is alive", async () => {
    const account = await fresh();
    const free = [messageFor(account), messageFor(account)];
    const dead = messageFor(account, { holder: "node-dead" });
    const held = messageFor(account, { holder: "node-3" });
    const all = [...free, dead, held];
    await nodes.storage.messages.append(all);
    const alive = ["node-1", "node-2", "node-3"];
    const [one, two] = await Promise.all([
      nodes.storage.messages.claim(account, idsOf(all), "node-1", alive),
      nodes.other.messages.claim(account, idsOf(all), "node-2", alive),
    ]);
    assert.equal([...one].filter((id) => two.has(id)).length, 0);
    assert.deepEqual(
      [...one, ...two].sort((a, b) => a - b),
      [...idsOf(free), dead.id],
    );
    assert.deepEqual(await nodes.storage.messages.claim(account, idsOf(all), "node-1", alive), one);
  });

  it("are free again when those who held them are gone, and it is seen who has any waiting", async () => {
    const [account, other, none] = [await fresh(), await fresh(), await fresh()];
    const [gone, here] = [
      messageFor(account, { holder: "node-gone" }),
      messageFor(other, { holder: "node-here" }),
    ];
    await nodes.storage.messages.append([gone, here]);
    const ids = [account.id, other.id, none.id];
    assert.deepEqual(await nodes.other.messages.waiting(ids), []);
    assert.equal(await nodes.storage.messages.releaseAll(["node-here", "another"]), true);
    assert.equal(await nodes.other.messages.releaseAll(["node-here", "another"]), false);
    assert.deepEqual(await nodes.other.messages.waiting(ids), [account.id]);
    assert.deepEqual(await nodes.other.messages.waiting([]), []);
    const [freed] = await nodes.other.messages.pending(account, 0, 10, []);
    assert.equal(freed.holder, undefined);
    await nodes.storage.messages.releaseAll([]);
    assert.deepEqual(
      await nodes.other.messages.waiting(ids),
      [account.id, other.id].sort((a, b) => a - b),
    );
  });
}
