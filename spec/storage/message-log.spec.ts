import assert from "node:assert/strict";
import { Ticket } from "../../src/session/handled.js";
import { openStorage } from "../../src/storage/knex/connect.js";
import { MessageIds } from "../../src/storage/message-id.js";
import { MessageLog, type MessageLogOptions, type MessageWriter } from "../../src/storage/message-log.js";
import type { Account, PendingMessage, Storage } from "../../src/storage/types.js";
import { silentLog } from "../support/silent-log.js";
import { freshAccount } from "./people.js";

type Mark = { account: Account; id: number };

/** The real repository, which can be told to fail or to wait; it notes what was asked of it. */
class Watched implements MessageWriter {
  readonly calls: { what: "append" | "settle" | "release"; count: number }[] = [];
  failure: Error | undefined;
  failures = 0;
  #gate: Promise<void> | undefined;
  #reached: (() => void) | undefined;
  #failed: { count: number; resolve: () => void }[] = [];

  constructor(private readonly real: MessageWriter) {}

  append(messages: readonly PendingMessage[]): Promise<void> {
    return this.#ask("append", messages.length, () => this.real.append(messages));
  }

  settle(done: readonly Mark[]): Promise<void> {
    return this.#ask("settle", done.length, () => this.real.settle(done));
  }

  release(messages: readonly Mark[]): Promise<void> {
    return this.#ask("release", messages.length, () => this.real.release(messages));
  }

  of(what: string): number[] {
    return this.calls.filter((call) => call.what === what).map(({ count }) => count);
  }

  /** The next question waits. @returns when it is asked, and how it is let go. */
  hold(): { asked: Promise<void>; letGo: () => void } {
    let letGo!: () => void;
    this.#gate = new Promise((resolve) => {
      letGo = resolve;
    });
    const asked = new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
    return { asked, letGo };
  }

  /** Resolves when so many questions have failed. */
  failed(count: number): Promise<void> {
    return new Promise((resolve) => this.#failed.push({ count, resolve }));
  }

  async #ask(what: "append" | "settle" | "release", count: number, ask: () => Promise<void>): Promise<void> {
    this.calls.push({ what, count });
    const gate = this.#gate;
    this.#gate = undefined;
    this.#reached?.();
    await gate;
    if (!this.failure) return ask();
    this.failures += 1;
    for (const one of this.#failed) if (this.failures >= one.count) one.resolve();
    throw this.failure;
  }
}

/** A text that says how often it was made. */
function text(body: string, size = body.length): { toString(): string; size: number; made: number } {
  return {
    size,
    made: 0,
    toString() {
      this.made += 1;
      return `<message><body>${body}</body></message>`;
    },
  };
}

describe("The message log", () => {
  let storage: Storage;
  let account: Account;
  let repository: Watched;

  before(async () => {
    storage = await openStorage({ client: "sqlite", file: ":memory:", durability: "relaxed" }, silentLog);
  });
  after(() => storage.close());
  beforeEach(async () => {
    account = await freshAccount(storage);
    repository = new Watched(storage.messages);
  });

  function logOf(options: Partial<MessageLogOptions> = {}): MessageLog {
    return new MessageLog(repository, new MessageIds(), silentLog, { gather: 1, retry: 1, ...options });
  }

  const stored = () => storage.messages.pending(account, 0, 10_000, []);
  const bodies = async () => (await stored()).map(({ stanza }) => /<body>(.*)<\/body>/.exec(stanza)?.[1]);

  describe("writes", () => {
    it("what is appended in the same moment as one group, in order", async () => {
      const log = logOf();
      for (const body of ["a", "b", "c"]) log.append(account, text(body), undefined);
      await log.flushed();
      assert.deepEqual(repository.of("append"), [3]);
      assert.deepEqual(await bodies(), ["a", "b", "c"]);
    });

    it("what comes while a group is being written as the next group", async () => {
      const log = logOf();
      const { asked, letGo } = repository.hold();
      log.append(account, text("first"), undefined);
      await asked;
      for (let i = 0; i < 50; i++) log.append(account, text(String(i)), undefined);
      letGo();
      await log.flushed();
      assert.deepEqual(repository.of("append"), [1, 50]);
      assert.deepEqual(await bodies(), ["first", ...Array.from({ length: 50 }, (_, i) => String(i))]);
    });

    it("no more in one transaction than it is told", async () => {
      const log = logOf({ batch: 4 });
      for (let i = 0; i < 10; i++) log.append(account, text(String(i)), undefined);
      await log.flushed();
      assert.deepEqual(repository.of("append"), [4, 4, 2]);
    });

    it("what nobody waits for later, in case it need not", async () => {
      // So long that the spec would fail.
      const log = logOf({ patience: 60_000, batch: 3 });
      const early = log.append(account, text("a"), "node");
      log.append(account, text("b"), "node");
      log.settle(early);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.deepEqual(repository.calls, []);
      // There are enough for a transaction.
      const { asked, letGo } = repository.hold();
      log.append(account, text("c"), "node");
      log.append(account, text("d"), "node");
      await asked;
      letGo();
      await log.flushed();
      assert.deepEqual(repository.calls, [{ what: "append", count: 3 }]);
      // Somebody waits for it.
      log.append(account, text("e"), "node");
      await log.flushed();
      const told = new Promise<void>((resolve) => {
        const ticket = new Ticket(resolve);
        log.append(account, text("f"), "node");
        log.append(account, text("g"), "node", ticket);
        ticket.release();
      });
      await told;
      // Nobody is about to take it.
      const stays = repository.hold();
      log.append(account, text("h"), undefined);
      await stays.asked;
      stays.letGo();
      await log.flushed();
      // Nobody is any more.
      const returns = repository.hold();
      log.release(log.append(account, text("i"), "node"));
      await returns.asked;
      returns.letGo();
      await log.flushed();
      assert.deepEqual(await bodies(), ["b", "c", "d", "e", "f", "g", "h", "i"]);
    });

    it("that enough for a transaction were delivered without waiting for more", async () => {
      const log = logOf({ patience: 60_000, batch: 3 });
      const entries = ["a", "b", "c"].map((body) => log.append(account, text(body), "node"));
      await log.flushed();
      const { asked, letGo } = repository.hold();
      for (const entry of entries) log.settle(entry);
      await asked;
      letGo();
      await log.flushed();
      assert.deepEqual(repository.of("settle"), [3]);
    });

    it("nothing in the place of what was delivered meanwhile", async () => {
      const log = logOf({ patience: 60_000, batch: 2 });
      for (let i = 0; i < 10; i++) log.settle(log.append(account, text(String(i)), "node"));
      for (const body of ["a", "b"]) log.append(account, text(body), "node");
      await log.flushed();
      assert.deepEqual(repository.calls, [{ what: "append", count: 2 }]);
    });

    it("ids that rise in the order of the messages, and when and for whom each was taken", async () => {
      const log = logOf();
      const start = Date.now();
      const entries = Array.from({ length: 300 }, (_, i) =>
        log.append(account, text(String(i)), i % 2 === 0 ? "node" : undefined),
      );
      await log.flushed();
      const ids = entries.map(({ id }) => id);
      assert.deepEqual(
        ids,
        [...new Set(ids)].sort((a, b) => a - b),
      );
      const rows = await stored();
      assert.deepEqual(
        rows.map(({ id, holder }) => [id, holder]),
        entries.map(({ id, holder }) => [id, holder]),
      );
      for (const { receivedAt } of rows) assert.ok(receivedAt >= start && receivedAt <= Date.now());
      assert.equal(log.lastId, ids.at(-1));
    });

    it("each text once", async () => {
      const log = logOf();
      const source = text("a");
      log.append(account, source, undefined);
      await log.flushed();
      assert.equal(source.made, 1);
    });
  });

  describe("holds a message's ticket", () => {
    it("until the message is in the database", async () => {
      const log = logOf();
      const { asked, letGo } = repository.hold();
      const inDatabase = new Promise<number>((resolve) => {
        const ticket = new Ticket(async () => resolve((await stored()).length));
        log.append(account, text("a"), undefined, ticket);
        ticket.release();
        assert.equal(ticket.closed, false);
      });
      await asked;
      letGo();
      assert.equal(await inDatabase, 1);
    });

    it("of several accounts until each has it", async () => {
      const log = logOf();
      const other = await freshAccount(storage);
      const ticket = new Ticket(() => undefined);
      for (const one of [account, other]) log.append(one, text("a"), undefined, ticket);
      ticket.release();
      assert.equal(ticket.closed, false);
      await log.flushed();
      assert.equal(ticket.closed, true);
    });
  });

  describe("of a message that was delivered", () => {
    it("before it is written, writes nothing at all", async () => {
      const log = logOf();
      const ticket = new Ticket(() => undefined);
      const entry = log.append(account, text("a"), "node", ticket);
      ticket.release();
      log.settle(entry);
      await log.flushed();
      assert.deepEqual(repository.calls, []);
      assert.equal(ticket.closed, true);
    });

    it("before it is written, writes its neighbours", async () => {
      const log = logOf();
      const entries = ["a", "b", "c"].map((body) => log.append(account, text(body), "node"));
      log.settle(entries[1]);
      await log.flushed();
      assert.deepEqual(repository.calls, [{ what: "append", count: 2 }]);
      assert.deepEqual(await bodies(), ["a", "c"]);
    });

    it("while it is being written, takes it out again, before anybody is told that all is written", async () => {
      const log = logOf();
      const { asked, letGo } = repository.hold();
      const [gone] = ["gone", "stays"].map((body) => log.append(account, text(body), "node"));
      await asked;
      log.settle(gone);
      const flushed = log.flushed();
      letGo();
      await flushed;
      assert.deepEqual(await bodies(), ["stays"]);
    });

    it("after it was written, takes it out, once", async () => {
      const log = logOf();
      const entry = log.append(account, text("a"), "node");
      await log.flushed();
      assert.deepEqual(await bodies(), ["a"]);
      log.settle(entry);
      log.settle(entry);
      await log.flushed();
      assert.deepEqual(repository.of("settle"), [1]);
      assert.deepEqual(await stored(), []);
    });

    it("after it was read from the database, takes it out", async () => {
      const log = logOf();
      log.append(account, text("a"), undefined);
      await log.flushed();
      log.settleStored((await stored())[0]);
      await log.flushed();
      assert.deepEqual(await stored(), []);
    });
  });

  describe("of a message that nobody holds any more", () => {
    const holders = async () => (await stored()).map(({ holder }) => holder);

    it("writes it as free where it was not written yet", async () => {
      const log = logOf();
      log.release(log.append(account, text("a"), "node"));
      await log.flushed();
      assert.deepEqual(repository.calls, [{ what: "append", count: 1 }]);
      assert.deepEqual(await holders(), [undefined]);
    });

    it("sets it free where it is being written or was", async () => {
      const log = logOf();
      const early = log.append(account, text("a"), "node");
      await log.flushed();
      const { asked, letGo } = repository.hold();
      const late = log.append(account, text("b"), "node");
      await asked;
      log.release(late);
      log.release(early);
      log.release(early);
      letGo();
      await log.flushed();
      assert.deepEqual(await holders(), [undefined, undefined]);
      assert.deepEqual(repository.of("release"), [2]);
    });

    it("sets it free before a later one is written", async () => {
      const log = logOf();
      const early = log.append(account, text("a"), "node");
      await log.flushed();
      repository.calls.length = 0;
      log.release(early);
      log.append(account, text("b"), undefined);
      await log.flushed();
      assert.deepEqual(
        repository.calls.map(({ what }) => what),
        ["release", "append"],
      );
    });

    it("does nothing where it was delivered before", async () => {
      const log = logOf();
      const entry = log.append(account, text("a"), "node");
      await log.flushed();
      log.settle(entry);
      log.release(entry);
      await log.flushed();
      assert.deepEqual(repository.of("release"), []);
      assert.deepEqual(await stored(), []);
    });
  });

  describe("holds senders back", () => {
    it("while more messages wait than may, and lets them go on when some are written", async () => {
      const log = logOf({ maxQueued: 3 });
      const { asked, letGo } = repository.hold();
      for (const body of ["a", "b"]) log.append(account, text(body), undefined);
      assert.equal(log.room(), undefined);
      log.append(account, text("c"), undefined);
      const waiting = [log.room(), log.room()];
      assert.ok(waiting.every((one) => one instanceof Promise));
      await asked;
      letGo();
      await Promise.all(waiting);
      assert.equal(log.room(), undefined);
    });

    it("while more characters wait than may", async () => {
      const log = logOf({ maxQueuedSize: 1000 });
      log.append(account, text("a", 999), undefined);
      assert.equal(log.room(), undefined);
      log.append(account, text("b", 1), undefined);
      const waiting = log.room();
      assert.ok(waiting instanceof Promise);
      await waiting;
      assert.equal(log.room(), undefined);
      log.append(account, text("c", 999), undefined);
      assert.equal(log.room(), undefined);
      await log.flushed();
    });
  });

  describe("while the database fails", () => {
    it("keeps all that is queued, makes nothing durable, and holds senders back", async () => {
      const log = logOf({ maxQueued: 4 });
      repository.failure = new Error("the disk is full");
      const tickets = ["a", "b", "c", "d"].map((body) => {
        const ticket = new Ticket(() => undefined);
        log.append(account, text(body), "node", ticket);
        ticket.release();
        return ticket;
      });
      let gone = false;
      const room = log.room()?.then(() => {
        gone = true;
      });
      const flushed = log.flushed().then(() => {
        gone = true;
      });
      await repository.failed(3);
      assert.equal(gone, false);
      assert.deepEqual(await stored(), []);
      assert.ok(tickets.every(({ closed }) => !closed));

      repository.failure = undefined;
      await Promise.all([room, flushed]);
      assert.deepEqual(await bodies(), ["a", "b", "c", "d"]);
      assert.ok(tickets.every(({ closed }) => closed));
    });

    it("keeps the order of what comes meanwhile", async () => {
      const log = logOf({ batch: 2 });
      repository.failure = new Error("gone");
      for (const body of ["a", "b", "c"]) log.append(account, text(body), undefined);
      await repository.failed(1);
      for (const body of ["d", "e"]) log.append(account, text(body), undefined);
      await repository.failed(2);
      repository.failure = undefined;
      await log.flushed();
      assert.deepEqual(await bodies(), ["a", "b", "c", "d", "e"]);
    });

    it("does not write what is delivered meanwhile", async () => {
      const log = logOf();
      repository.failure = new Error("gone");
      const entry = log.append(account, text("a"), "node");
      await repository.failed(1);
      log.settle(entry);
      await log.flushed();
      assert.deepEqual(await stored(), []);
    });

    it("keeps the marks that were to go, and those to be set free", async () => {
      const log = logOf();
      const [gone, free] = ["a", "b"].map((body) => log.append(account, text(body), "node"));
      await log.flushed();
      repository.failure = new Error("gone");
      log.settle(gone);
      log.release(free);
      await repository.failed(2);
      repository.failure = undefined;
      await log.flushed();
      assert.deepEqual(
        (await stored()).map(({ id, holder }) => [id, holder]),
        [[free.id, undefined]],
      );
    });

    it("keeps the text of a message, not the stanza with what that holds on to", async () => {
      const log = logOf();
      repository.failure = new Error("gone");
      const sources = [text("a"), text("b")];
      const early = log.append(account, sources[0], undefined);
      await repository.failed(2);
      const late = log.append(account, sources[1], undefined);
      assert.deepEqual(
        sources.map(({ made }) => made),
        [1, 1],
      );
      assert.match(early.stanza + late.stanza, /a.*b/);
      await repository.failed(3);
      repository.failure = undefined;
      await log.flushed();
      assert.deepEqual(
        sources.map(({ made }) => made),
        [1, 1],
      );
      assert.deepEqual(await bodies(), ["a", "b"]);
    });
  });

  describe("when it stops", () => {
    it("writes what is left", async () => {
      const log = logOf();
      const entry = log.append(account, text("a"), "node");
      await log.flushed();
      log.append(account, text("b"), undefined);
      log.settle(entry);
      await log.stop();
      assert.deepEqual(await bodies(), ["b"]);
    });

    it("has nothing to do when nothing is left", async () => {
      await logOf().stop();
      assert.deepEqual(repository.calls, []);
    });

    it("rejects when the database does not take what is left", async () => {
      const log = logOf();
      repository.failure = new Error("gone");
      log.append(account, text("a"), undefined);
      await assert.rejects(log.stop());
      assert.deepEqual(await stored(), []);
    });

    it("tries once more where the last attempt failed", async () => {
      const log = logOf();
      repository.failure = new Error("gone");
      log.append(account, text("a"), undefined);
      await repository.failed(1);
      repository.failure = undefined;
      await log.stop();
      assert.deepEqual(await bodies(), ["a"]);
    });

    it("does not complain of what was delivered", async () => {
      const log = logOf({ batch: 1 });
      repository.failure = new Error("gone");
      const entries = ["a", "b"].map((body) => log.append(account, text(body), "node"));
      await repository.failed(1);
      const stopped = log.stop();
      for (const entry of entries) log.settle(entry);
      await stopped;
    });
  });
});
