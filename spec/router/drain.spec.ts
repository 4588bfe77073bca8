import assert from "node:assert/strict";
import { Hooks } from "../../src/hooks.js";
import { ArchiveIds } from "../../src/router/archive-ids.js";
import { Archiving } from "../../src/router/archiving.js";
import { Drains } from "../../src/router/drains.js";
import { Requests } from "../../src/router/requests.js";
import { ClientSession } from "../../src/session/client-session.js";
import { alone, Registry } from "../../src/session/registry.js";
import { AccountCache } from "../../src/storage/account-cache.js";
import { openStorage } from "../../src/storage/knex/connect.js";
import { MessageIds } from "../../src/storage/message-id.js";
import { MessageLog } from "../../src/storage/message-log.js";
import type { Account, Storage } from "../../src/storage/types.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { freshAccount } from "../storage/people.js";
import { outletTo } from "../support/outlet.js";
import { silentLog } from "../support/silent-log.js";

const HERE = "here";
const THERE = "there";

describe("A session that is given what waits while another node holds some of it", () => {
  let storage: Storage;
  let log: MessageLog;
  let registry: Registry;
  let drains: Drains;
  let juliet: Account;
  /** Ids of messages that her client was sent. */
  let heard: string[];
  let onHeard: () => void;
  /** What happens while the other node is asked what it has written. */
  let whileAsked: () => void;

  beforeEach(async () => {
    storage = await openStorage({ client: "sqlite", file: ":memory:", durability: "relaxed" }, silentLog);
    juliet = await freshAccount(storage);
    log = new MessageLog(storage.messages, new MessageIds(), silentLog, { gather: 1 });
    heard = [];
    onHeard = whileAsked = () => undefined;
    registry = new Registry(HERE, {
      ...alone(HERE),
      alive: [HERE, THERE],
      written: async () => {
        whileAsked();
        return true;
      },
    });
    const archiving = new Archiving(
      new Map(),
      registry,
      new AccountCache(storage.accounts),
      new ArchiveIds(Buffer.alloc(16)),
    );
    drains = new Drains(registry, storage.messages, log, silentLog, archiving, new Requests());
  });
  afterEach(async () => {
    await log.stop();
    await storage.close();
  });

  const message = (id: number, holder: string | undefined) => ({
    id,
    account: juliet,
    stanza: `<message to='${juliet.jid}' id='m${id}'><body>hi</body></message>`,
    receivedAt: id,
    holder,
    delivered: false,
  });

  /** A session whose messages are noted. */
  function login(): ClientSession {
    const outlet = outletTo((text) => {
      const id = /^<message[^>]* id=["'](\w+)/.exec(text)?.[1];
      if (id !== undefined) heard.push(id);
      onHeard();
    });
    const jid = juliet.jid.withResource("balcony");
    const session = new ClientSession(jid, juliet, false, HERE, new Hooks(), outlet, () => undefined);
    registry.add(session);
    registry.update(session, { presence: Stanza.make("presence", {}) });
    return session;
  }

  it("is given nothing before a message that came from there meanwhile, and had to go back", async () => {
    await storage.messages.append([message(1, THERE), message(2, undefined)]);
    const isAsked = new Promise<void>((resolve) => {
      whileAsked = resolve;
    });
    const session = login();
    await isAsked;
    whileAsked = () => undefined;
    drains.expect(session, THERE);
    const isHeard = new Promise<void>((resolve) => {
      onHeard = resolve;
    });
    // The other node answers, and has not dealt yet with what it was told.
    for (let turn = 0; turn < 10; turn++) await storage.messages.pending(juliet, 0, 10, []);
    await storage.messages.release([{ account: juliet, id: 1 }]);
    drains.stored(juliet.jid, THERE, 1);
    await isHeard;
    assert.deepEqual(heard, ["m1", "m2"]);
  });

  it("is not kept waiting by one that is with a session there", async () => {
    await storage.messages.append([message(1, THERE), message(2, undefined)]);
    const isHeard = new Promise<void>((resolve) => {
      onHeard = resolve;
    });
    login();
    await isHeard;
    assert.deepEqual(heard, ["m2"]);
  });
});
