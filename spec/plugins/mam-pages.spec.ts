import assert from "node:assert/strict";
import type { Filter } from "../../plugins/mam/form.js";
import { Pages } from "../../plugins/mam/pages.js";
import { Retention } from "../../plugins/mam/retention.js";
import type { ArchiveAccess } from "../../src/plugin/api.js";
import { openStorage } from "../../src/storage/knex/connect.js";
import { MessageIds } from "../../src/storage/message-id.js";
import type { Account, NewMessage, Storage } from "../../src/storage/types.js";
import { Jid } from "../../src/xmpp/jid.js";
import { freshAccount } from "../storage/people.js";
import { silentLog } from "../support/silent-log.js";

const romeo = Jid.parse("romeo@montague.lit/orchard");
const DAY = 86_400_000;

/** Names that can be read. */
const access: ArchiveAccess = {
  nameOf: (account, id) => `${account.id}-${id}`,
  idOf: (account, name) =>
    name.startsWith(`${account.id}-`) ? Number(name.slice(`${account.id}-`.length)) : undefined,
  complete: async () => undefined,
  firstIdAt: MessageIds.firstAt,
  timeOf: MessageIds.timeOf,
};

describe("The archive of mam", () => {
  let storage: Storage;
  let juliet: Account;
  let ids: MessageIds;
  beforeEach(async () => {
    ids = new MessageIds();
    storage = await openStorage({ client: "sqlite", file: ":memory:", durability: "relaxed" }, silentLog);
    juliet = await freshAccount(storage);
  });
  afterEach(() => storage.close());

  async function archive(count: number, size = 10, time = Date.now()): Promise<number[]> {
    const messages = Array.from({ length: count }, (): NewMessage => {
      const archives = { sender: undefined, recipient: juliet, from: romeo, to: juliet.jid };
      const id = ids.next(time);
      const stanza = "x".repeat(size);
      return { id, account: juliet, stanza, receivedAt: time, holder: undefined, delivered: true, archives };
    });
    await storage.messages.append(messages);
    const references = messages.map(({ id }) => ({ accountId: juliet.id, messageId: id, peer: romeo }));
    await storage.archive.add(references, { slot: 0, id: messages[count - 1].id });
    return messages.map(({ id }) => id);
  }

  describe("gives a page that", () => {
    const find = async (
      request: { max: number; after?: number; before?: number | "" },
      filter: Filter = {},
    ) => {
      const name = (id: number | undefined) => (id === undefined ? undefined : access.nameOf(juliet, id));
      const page = await new Pages({ archive: access, storage }).find(juliet, filter, {
        max: request.max,
        after: name(request.after),
        before: request.before === "" ? "" : name(request.before),
      });
      return { ids: page.messages.map(({ id }) => id), complete: page.complete };
    };

    it("ends where it is full, and says whether more follows", async () => {
      const [a, b, c] = await archive(3);
      assert.deepEqual(await find({ max: 2 }), { ids: [a, b], complete: false });
      assert.deepEqual(await find({ max: 3 }), { ids: [a, b, c], complete: true });
      assert.deepEqual(await find({ max: 2, before: "" }), { ids: [b, c], complete: false });
      assert.deepEqual(await find({ max: 2, before: c }), { ids: [a, b], complete: true });
      assert.deepEqual(await find({ max: 0 }), { ids: [], complete: false });
      assert.deepEqual(await find({ max: 0, before: "" }), { ids: [], complete: false });
      assert.deepEqual(await find({ max: 0, after: c }), { ids: [], complete: true });
    });

    it("ends at half a megabyte, from whichever end it is read, but has one message at least", async () => {
      const [a, b, c, d, e] = await archive(5, 200_000);
      assert.deepEqual(await find({ max: 50 }), { ids: [a, b], complete: false });
      assert.deepEqual(await find({ max: 50, after: b }), { ids: [c, d], complete: false });
      assert.deepEqual(await find({ max: 50, after: d }), { ids: [e], complete: true });
      assert.deepEqual(await find({ max: 50, before: "" }), { ids: [d, e], complete: false });
      const [large] = await archive(1, 600_000);
      assert.deepEqual(await find({ max: 50, after: e }), { ids: [large], complete: true });
    });

    it("is the same when all conditions come together", async () => {
      const [a, b, c, d] = await archive(4);
      const name = (id: number) => access.nameOf(juliet, id);
      const filter = {
        with: romeo.bare,
        start: MessageIds.timeOf(a),
        end: MessageIds.timeOf(d),
        afterId: name(a),
        beforeId: name(d),
        ids: [a, b, c, d].map(name),
      };
      assert.deepEqual(await find({ max: 50 }, filter), { ids: [b, c], complete: true });
      assert.deepEqual(await find({ max: 50, after: b, before: d }, filter), { ids: [c], complete: true });
      assert.deepEqual(await find({ max: 50 }, { ...filter, end: MessageIds.timeOf(a) - 1 }), {
        ids: [],
        complete: true,
      });
    });

    it("does not begin at a message that is not there", async () => {
      const [a] = await archive(1);
      await assert.rejects(find({ max: 50, after: a + 1 }), { condition: "item-not-found" });
      await assert.rejects(find({ max: 50 }, { ids: ["nobody"] }), { condition: "item-not-found" });
    });
  });

  describe("in the course of time", () => {
    const retention = (expireAfter: number) =>
      new Retention({ archive: access, domain: juliet.jid.domain, log: silentLog, storage }, expireAfter);
    const left = () => storage.archive.find(juliet, { from: 0, to: Number.MAX_SAFE_INTEGER }, 10_000);

    it("loses what is too old, a part at a time", async () => {
      await archive(900, 10, Date.now() - 3 * DAY);
      const young = await archive(5, 10, Date.now() - DAY);
      const walk = retention(2 * DAY);
      assert.equal(await walk.step(), false);
      assert.equal((await left()).length, 505);
      assert.equal(await walk.step(), false);
      assert.equal(await walk.step(), true);
      assert.deepEqual(await left(), young);
    });

    it("does not look again at what it has passed", async () => {
      await archive(5, 10, Date.now() - 3 * DAY);
      const walk = retention(2 * DAY);
      assert.equal(await walk.step(), true);
      assert.equal(await walk.step(), true);
      assert.deepEqual(await left(), []);
    });
  });
});
