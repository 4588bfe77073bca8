import { strict as assert } from "node:assert";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { numbersOf, readArchive } from "./archive-reader.js";
import { Lock } from "./lock.js";
import { DOMAIN, PASSWORD } from "./place.js";
import { ServerProcess } from "./process.js";
import { message, WireConnection } from "./wire-client.js";

/** More than the server keeps for the database (`MessageLog`) and the system keeps between the two. */
const MESSAGES = 35_000;
const PADDING = " ".repeat(1000);
/** Messages handed to the socket in one turn. */
const AT_ONCE = 500;
/** ms without a byte going out, after which a sender counts as held back. */
const HELD = 1000;

describe("A sender that does not wait for acknowledgements", function () {
  this.timeout(120_000);

  it("is held back while the database takes nothing; then everything is acknowledged and archived", async () => {
    const server = await ServerProcess.create({ client: "sqlite" });
    const lock = Lock.onSqlite(join(server.data, "sluice.sqlite"));
    try {
      await server.addAccounts(["romeo", "juliet"], PASSWORD);
      await server.start();
      const romeo = await comeIn(server, "romeo");
      await lock.begin();
      for (let next = 0; next < MESSAGES; next += AT_ONCE) {
        for (let number = next; number < next + AT_ONCE; number++)
          romeo.write(message(`juliet@${DOMAIN}`, `${number}`, `romeo ${number} ${PADDING}`));
        await pause(0);
      }
      romeo.write("<r xmlns='urn:xmpp:sm:3'/>");
      const answer = romeo.next((element) => element.is("a", "urn:xmpp:sm:3"));
      await heldBack(romeo);
      assert(romeo.unsent > 0, "all of it was taken, and stored nowhere");
      await lock.end();
      assert.equal((await answer)?.attrs.h, `${MESSAGES}`);
      const expected = Array.from({ length: MESSAGES }, (_, number) => number);
      assert.deepEqual(numbersOf("romeo", await readArchive("juliet", server)), expected);
    } finally {
      await lock.close();
      await server.remove();
    }
  });
});

async function comeIn(server: ServerProcess, name: string): Promise<WireConnection> {
  const connection = await WireConnection.open(await server.up());
  assert(connection && (await connection.login(name, DOMAIN, PASSWORD)));
  assert((await connection.bind("orchard")) !== undefined);
  return connection;
}

/** Resolves when nothing goes out any more, or nothing is left. */
async function heldBack(connection: WireConnection): Promise<void> {
  for (let last = Number.NaN; connection.unsent !== last && last !== 0; await pause(HELD)) {
    last = connection.unsent;
  }
}
