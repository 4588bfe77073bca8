import assert from "node:assert/strict";
import { SetupError } from "../../src/config/setup-error.js";
import { openStorage } from "../../src/storage/knex/connect.js";
import { emptyDatabase, PASSWORD, type ServerName } from "../support/databases.js";
import { silentLog } from "../support/silent-log.js";
import { freshAccount } from "./people.js";
import { storageSuite } from "./storage.suite.js";

/** What PostgreSQL and MySQL do besides: they are reached by an address and shared by nodes. To be called in a describe. */
export function sharedSuite(client: ServerName): void {
  let url: string;
  before(async function () {
    url = await emptyDatabase(this, client);
  });

  const open = (address = url, durability: "relaxed" | "commit" = "relaxed") =>
    openStorage({ client, url: address, durability, pool: { min: 0, max: 4 } }, silentLog);

  storageSuite(() => open());

  it("is made by one of many nodes that start at once", async function () {
    const fresh = await emptyDatabase(this, client);
    const storages = await Promise.all(Array.from({ length: 5 }, () => open(fresh)));
    const account = await freshAccount(storages[0]);
    for (const storage of storages) assert.equal((await storage.accounts.find(account.jid))?.id, account.id);
    await Promise.all(storages.map((storage) => storage.close()));
  });

  it("works with one connection", async () => {
    const pool = { min: 0, max: 1 };
    const storage = await openStorage({ client, url, durability: "commit", pool }, silentLog);
    const account = await freshAccount(storage);
    await Promise.all(
      Array.from({ length: 5 }, (_, id) =>
        storage.messages.append([
          { id: 2 ** 51 + account.id * 10 + id, account, stanza: "<m/>", receivedAt: 1, holder: undefined },
        ]),
      ),
    );
    assert.equal(await storage.messages.count(account, 10), 5);
    await storage.close();
  });

  it("refuses a wrong password", async () => {
    const wrong = url.replace(encodeURIComponent(PASSWORD), "wrong");
    await assert.rejects(open(wrong), (error) => {
      assert.ok(error instanceof SetupError);
      assert.ok(!error.message.includes("wrong"), "it tells the password");
      return true;
    });
  });

  it("refuses a database that does not exist", async () => {
    const { pathname } = new URL(url);
    await assert.rejects(open(url.replace(pathname, "/nowhere")), SetupError);
  });

  it("refuses a server that is not there", async () => {
    const [scheme] = url.split(":");
    await assert.rejects(open(`${scheme}://sluice:secret@127.0.0.1:1/sluice`), SetupError);
    await assert.rejects(open(url.replaceAll("sluice-db-", "sluice-no-db-")), SetupError);
  });
}
