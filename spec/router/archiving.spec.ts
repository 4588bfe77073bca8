import assert from "node:assert/strict";
import { causeOf } from "../../src/hooks.js";
import { ArchiveIds } from "../../src/router/archive-ids.js";
import { Archiving } from "../../src/router/archiving.js";
import { Delivery } from "../../src/router/delivery.js";
import { Domain } from "../../src/router/domain.js";
import { Drains } from "../../src/router/drains.js";
import { OfflineStorage } from "../../src/router/offline.js";
import { Requests } from "../../src/router/requests.js";
import { Router } from "../../src/router/router.js";
import { Registry } from "../../src/session/registry.js";
import { AccountCache } from "../../src/storage/account-cache.js";
import { openStorage } from "../../src/storage/knex/connect.js";
import { MessageIds } from "../../src/storage/message-id.js";
import { MessageLog } from "../../src/storage/message-log.js";
import type { Account, Storage } from "../../src/storage/types.js";
import { xml } from "../../src/xml/element.js";
import { StanzaError } from "../../src/xmpp/errors.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { freshAccount, freshLocal } from "../storage/people.js";
import { silentLog } from "../support/silent-log.js";

const nurse = Jid.parse("nurse@verona.lit");
const NS_SID = "urn:xmpp:sid:0";

describe("What is routed", () => {
  let storage: Storage;
  let log: MessageLog;
  let router: Router;
  /** What has left for other servers. */
  let left: Stanza[];
  let refuse: boolean;
  let romeo: Account;
  let juliet: Account;
  let domains: Map<string, Domain>;

  beforeEach(async () => {
    domains = new Map(["montague.lit", "capulet.lit"].map((name) => [name, new Domain(Jid.parse(name))]));
    storage = await openStorage({ client: "sqlite", file: ":memory:", durability: "relaxed" }, silentLog);
    romeo = await freshAccount(storage, Jid.of(freshLocal("romeo"), "montague.lit"));
    juliet = await freshAccount(storage, Jid.of(freshLocal(), "capulet.lit"));
    left = [];
    refuse = false;
    const remote = {
      route(stanza: Stanza) {
        if (refuse) throw new StanzaError("remote-server-not-found");
        left.push(stanza);
        return undefined;
      },
    };
    const registry = new Registry("here");
    const accounts = new AccountCache(storage.accounts);
    log = new MessageLog(storage.messages, new MessageIds(), silentLog, { gather: 1 });
    const archiving = new Archiving(domains, registry, accounts, new ArchiveIds(Buffer.alloc(16)));
    const { messages } = storage;
    const drains = new Drains(registry, messages, log, silentLog, archiving, new Requests());
    const offline = new OfflineStorage(
      accounts,
      messages,
      log,
      drains,
      100,
      silentLog,
      archiving,
      registry.nodes,
    );
    for (const domain of domains.values()) offline.serve(domain);
    const requests = new Requests();
    const delivery = new Delivery(registry, accounts, log, drains, offline, requests, archiving);
    router = new Router(domains, delivery, remote, accounts, requests, archiving);
  });
  afterEach(async () => {
    await log.stop();
    await storage.close();
  });

  /** Archives for all accounts of a domain. */
  function archives(domain: string, wants: () => boolean | Promise<boolean> = () => true): void {
    const { hooks } = domains.get(domain) as Domain;
    hooks.on("message:archiving", "spec", wants);
  }
  const message = (from: Jid, to: Jid, ...children: Stanza["children"]) =>
    Stanza.make("message", { from, to, type: "chat", id: "1" }, xml("body", {}, "hi"), ...children);
  async function kept() {
    await log.flushed();
    const all = await storage.archive.kept(0, 10);
    return all.map(({ sender, recipient }) => ({ sender, recipient }));
  }

  it("to another server is in its sender's archive once it has left", async () => {
    archives("montague.lit");
    await router.route(message(romeo.jid, nurse));
    assert.equal(left.length, 1);
    assert.deepEqual(await kept(), [{ sender: romeo.id, recipient: undefined }]);
    assert.equal(await storage.messages.count(romeo, 10), 0);
    refuse = true;
    await assert.rejects(async () => router.route(message(romeo.jid, nurse)));
    assert.equal((await kept()).length, 1);
  });

  it("leaves without names that its sender's archive has not given", async () => {
    archives("montague.lit");
    const name = (by: Jid) => xml("stanza-id", { xmlns: NS_SID, by: by.text, id: "1" });
    await router.route(message(romeo.jid, nurse, name(romeo.jid.bare), name(juliet.jid.bare)));
    assert.deepEqual(
      left[0].getChildren("stanza-id", NS_SID).map(({ attrs }) => attrs.by),
      [juliet.jid.text],
    );
  });

  it("from another server is in its recipient's archive", async () => {
    archives("capulet.lit");
    await router.route(message(nurse, juliet.jid));
    assert.deepEqual(await kept(), [{ sender: undefined, recipient: juliet.id }]);
  });

  it("between two domains is in the archives of those that have any", async () => {
    archives("montague.lit");
    await router.route(message(romeo.jid, juliet.jid));
    assert.deepEqual(await kept(), [{ sender: romeo.id, recipient: undefined }]);
    archives("capulet.lit");
    await router.route(message(romeo.jid, juliet.jid));
    assert.deepEqual((await kept())[1], { sender: romeo.id, recipient: juliet.id });
    assert.equal(await storage.messages.count(juliet, 10), 2);
  });

  it("to oneself is archived once", async () => {
    archives("capulet.lit");
    await router.route(message(juliet.jid, juliet.jid));
    assert.deepEqual(await kept(), [{ sender: undefined, recipient: juliet.id }]);
  });

  it("is archived as each account wishes, when that has to be asked, too", async () => {
    archives("montague.lit", async () => true);
    archives("capulet.lit", async () => false);
    await router.route(message(romeo.jid, juliet.jid));
    assert.deepEqual(await kept(), [{ sender: romeo.id, recipient: undefined }]);
    const [waiting] = await storage.messages.pending(juliet, 0, 10, []);
    assert.equal(waiting.archived, undefined);
  });

  it("is in no archive when it was refused", async () => {
    archives("montague.lit");
    archives("capulet.lit");
    const nobody = Jid.of(freshLocal("nobody"), "capulet.lit");
    await assert.rejects(async () => router.route(message(romeo.jid, nobody)), {
      condition: "service-unavailable",
    });
    assert.deepEqual(await kept(), []);
  });

  it("does not pass when nobody can say whether it is to be archived", async () => {
    archives("capulet.lit", () => {
      throw new TypeError("no database");
    });
    await assert.rejects(
      async () => router.route(message(romeo.jid, juliet.jid)),
      (error) => causeOf(error) instanceof TypeError,
    );
    assert.equal(await storage.messages.count(juliet, 10), 0);
  });
});
