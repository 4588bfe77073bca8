import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import createKnex, { type Knex } from "knex";
import { SetupError } from "../../src/config/setup-error.js";
import { openStorage } from "../../src/storage/knex/connect.js";
import { silentLog } from "../support/silent-log.js";
import { freshAccount } from "./people.js";
import { storageSuite } from "./storage.suite.js";

describe("storage on SQLite", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-sqlite-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const open = (name = "suite.sqlite", durability: "relaxed" | "commit" = "relaxed") =>
    openStorage({ client: "sqlite", file: join(folder, name), durability }, silentLog);

  storageSuite(open);

  /** Looks at the file as another program would. */
  async function look(name: string, question: (db: Knex) => Promise<unknown>): Promise<void> {
    const filename = join(folder, name);
    const db = createKnex({ client: "sqlite3", connection: { filename }, useNullAsDefault: true });
    await question(db).finally(() => db.destroy());
  }

  it("makes its folder and keeps it and its files to itself", async () => {
    const storage = await open("new/data/own.sqlite");
    await freshAccount(storage);
    const names = await readdir(join(folder, "new/data"));
    assert.deepEqual(names.sort(), ["own.sqlite", "own.sqlite-shm", "own.sqlite-wal"]);
    for (const name of names) {
      assert.equal((await stat(join(folder, "new/data", name))).mode & 0o777, 0o600, name);
    }
    assert.equal((await stat(join(folder, "new"))).mode & 0o777, 0o700);
    await storage.close();
  });

  it("keeps everything in memory for :memory:", async () => {
    const inMemory = { client: "sqlite", file: ":memory:", durability: "relaxed" } as const;
    const storage = await openStorage(inMemory, silentLog);
    const account = await freshAccount(storage);
    assert.equal((await storage.accounts.find(account.jid))?.id, account.id);
    const another = await openStorage(inMemory, silentLog);
    assert.equal(await another.accounts.find(account.jid), undefined);
    await Promise.all([storage.close(), another.close()]);
  });

  it("writes with either durability", async () => {
    for (const durability of ["relaxed", "commit"] as const) {
      const storage = await open("durability.sqlite", durability);
      await freshAccount(storage);
      await storage.close();
    }
  });

  it("works on while another program is writing", async () => {
    const storage = await open("busy.sqlite");
    await look("busy.sqlite", async (db) => {
      const blocking = await db.transaction();
      await blocking("accounts").insert({ domain: "x.example", local: "x", credentials: "{}" });
      const waiting = freshAccount(storage);
      await blocking.commit();
      assert.ok((await waiting).id);
    });
    await storage.close();
  });

  it("is opened although a process died while it changed the tables", async () => {
    await (await open("locked.sqlite")).close();
    await look("locked.sqlite", (db) => db("migrations_lock").update({ is_locked: 1 }));
    await (await open("locked.sqlite")).close();
  });

  it("refuses a database that a newer version has changed", async () => {
    await (await open("newer.sqlite")).close();
    await look("newer.sqlite", (db) => db("migrations").insert({ name: "999-later", batch: 9 }));
    await assert.rejects(open("newer.sqlite"), SetupError);
  });

  it("refuses a file that is something else", async () => {
    await writeFile(
      join(folder, "letter.sqlite"),
      "Good night, good night! Parting is such sweet sorrow.".repeat(50),
    );
    await assert.rejects(open("letter.sqlite"), SetupError);
  });

  it("refuses a folder where a file is in the way", async () => {
    await writeFile(join(folder, "in-the-way"), "");
    await assert.rejects(open("in-the-way/own.sqlite"), SetupError);
    await mkdir(join(folder, "folder.sqlite"));
    await assert.rejects(open("folder.sqlite"), SetupError);
  });

  it("refuses a folder that it cannot write to", async () => {
    // A link to nowhere is closed even to root.
    await symlink(join(folder, "not-mounted"), join(folder, "link"));
    await assert.rejects(open("link/own.sqlite"), SetupError);
  });
});
