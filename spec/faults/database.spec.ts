import { strict as assert } from "node:assert";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type DatabaseServer, ownDatabaseServer } from "../support/databases.js";
import { Lock } from "./lock.js";
import type { Sender } from "./people.js";
import { DOMAIN, PASSWORD } from "./place.js";
import { ServerProcess } from "./process.js";
import { runFaults } from "./run.js";
import { SmallDisk } from "./small-disk.js";
import { WireConnection } from "./wire-client.js";

/** ms that the database does not take anything: a short while here, ten seconds in `npm run test:faults`. */
const GONE = Number(process.env.FAULT_MS ?? 1500);
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);
/** How often a process of the database is killed. */
const KILLS = GONE < 10_000 ? 3 : 20;
/** ms before and after, in which messages flow. */
const FLOW = 700;
/**
 * ms after which nothing that was under way can be acknowledged any more: of what was sent together, a part may have been stored before the
 * rest could not be, and that is told 2 s later at the latest (ANSWER_AT_LATEST in stream/stream-management.ts).
 */
const STILL = 2200;
/** ms until all is as before, at most: what waits for a database may ask it again only after a while. */
const BACK = 15_000;

/** What keeps the database from taking anything. */
interface Fault {
  begin(): Promise<void>;
  /** What is to be seen while it lasts. */
  meanwhile?(): Promise<void>;
  end(): Promise<void>;
}

describe(`A database that takes nothing for ${GONE} ms loses nothing (FAULT_SEED=${SEED})`, function () {
  this.timeout(120_000 + 6 * GONE);

  /** @param disturb resolves with ms until all was as before */
  async function run(
    server: ServerProcess,
    disturb: (senders: readonly Sender[]) => Promise<number>,
  ): Promise<void> {
    try {
      let back = 0;
      const note = async (senders: readonly Sender[]) => {
        back = await disturb(senders);
      };
      const { lost, disordered, unarchived, ...figures } = await runFaults(server, note, SEED);
      console.log(`      ${JSON.stringify({ ...figures, "back after ms": back })}`);
      assert.deepEqual(lost, [], "acknowledged, but never delivered");
      assert.deepEqual(disordered, [], "delivered in another order than sent");
      assert.deepEqual(unarchived, [], "acknowledged, but not in an archive");
    } catch (error) {
      console.log(server.lines.slice(-10).join("\n"));
      throw error;
    } finally {
      await server.remove();
    }
  }

  const check = (server: ServerProcess, fault: Fault) =>
    run(server, async (senders) => {
      await pause(FLOW);
      await fault.begin();
      await standstill(senders);
      const before = acknowledged(senders);
      await Promise.all([pause(GONE), fault.meanwhile?.()]);
      const meanwhile = acknowledged(senders).map((count, at) => count - before[at]);
      const ended = Date.now();
      await fault.end();
      assert.deepEqual(
        meanwhile,
        before.map(() => 0),
        "acknowledged, but not stored",
      );
      await allGoOn(senders, before);
      const back = Date.now() - ended;
      await logIn(server);
      await pause(FLOW);
      return back;
    });

  describe("on SQLite", () => {
    it("while another process has it locked", async () => {
      const server = await ServerProcess.create({ client: "sqlite" });
      const lock = Lock.onSqlite(join(server.data, "sluice.sqlite"));
      try {
        await check(server, lock);
      } finally {
        await lock.close();
      }
    });

    it("while its disk is full", async function () {
      const disk = await SmallDisk.create(this, 24);
      try {
        const server = await ServerProcess.create({ client: "sqlite" }, disk.folder);
        await check(server, { begin: () => disk.fill(), end: () => disk.free() });
      } finally {
        await disk.remove();
      }
    });
  });

  describe("on PostgreSQL", () => {
    let database: DatabaseServer;
    before(async function () {
      database = await ownDatabaseServer(this, "postgres");
    });
    after(() => database?.stop());

    it("while somebody has its tables locked", async () => {
      const url = await database.createDatabase();
      const lock = Lock.onPostgres(url);
      const server = await ServerProcess.create({ client: "postgres", url });
      try {
        await check(server, lock);
      } finally {
        await lock.close();
      }
    });

    it("while it is stopped", async () => {
      const url = await database.createDatabase();
      const server = await ServerProcess.create({ client: "postgres", url });
      await check(server, {
        begin: () => database.halt(),
        meanwhile: () => logInInVain(server),
        end: () => database.restart(),
      });
    });

    it("when its processes are killed", async () => {
      const url = await database.createDatabase();
      const server = await ServerProcess.create({ client: "postgres", url });
      await run(server, async (senders) => {
        let back = 0;
        for (let kill = 0; kill < KILLS; kill++) {
          await pause(FLOW);
          const before = acknowledged(senders);
          const killed = Date.now();
          await database.killOne();
          await allGoOn(senders, before);
          back = Math.max(back, Date.now() - killed);
        }
        return back;
      });
    });

    it("while its disk is full", async function () {
      const disk = await SmallDisk.create(this, 48, database.person);
      try {
        await database.ask((db) => db.raw(`create tablespace small location '${disk.folder}'`));
        const url = await database.createDatabase("small");
        const server = await ServerProcess.create({ client: "postgres", url });
        await check(server, { begin: () => disk.fill(), end: () => disk.free() });
      } finally {
        await database.halt();
        await disk.remove();
      }
    });
  });
});

/** Resolves when something of each has been acknowledged since. */
async function allGoOn(senders: readonly Sender[], before: readonly number[]): Promise<void> {
  const deadline = Date.now() + BACK;
  while (acknowledged(senders).some((count, at) => count === before[at])) {
    assert(Date.now() < deadline, "not in service again");
    await pause(20);
  }
}

/** Resolves when nothing has been acknowledged for a while: what was under way is, or will not be. */
async function standstill(senders: readonly Sender[]): Promise<void> {
  for (let last = ""; ; await pause(STILL)) {
    const now = acknowledged(senders).join();
    if (now === last) return;
    last = now;
  }
}

function acknowledged(senders: readonly Sender[]): number[] {
  return senders.map((sender) => sender.acknowledged);
}

/** RFC 6120 §6.5.10: whom the server cannot look up is told to come again, on the same stream. */
async function logInInVain(server: ServerProcess): Promise<void> {
  const connection = await WireConnection.open(await server.up());
  assert.equal(await connection?.login("to-archive-only", DOMAIN, PASSWORD), false);
  assert.equal(connection?.closed, false);
  connection?.close();
}

/** Somebody new is let in. */
async function logIn(server: ServerProcess): Promise<void> {
  const connection = await WireConnection.open(await server.up());
  assert(await connection?.login("to-archive-only", DOMAIN, PASSWORD), "nobody is let in");
  assert((await connection?.bind("visitor")) !== undefined, "no resource can be bound");
  connection?.close();
}
