/** What every database behind `src/storage/types.ts` does. */
import assert from "node:assert/strict";
import type { Storage } from "../../src/storage/types.js";
import { accountsSuite } from "./accounts.suite.js";
import { archiveSuite } from "./archive.suite.js";
import { keyValuesSuite } from "./key-values.suite.js";
import { messagesSuite } from "./messages.suite.js";
import { nodesSuite } from "./nodes.suite.js";
import { reopeningSuite } from "./reopening.suite.js";
import { rostersSuite } from "./rosters.suite.js";

/** Opens the same database each time, as another node would. */
export type OpenStorage = () => Promise<Storage>;

/** Two nodes at the same database, open while the specs run. */
export interface Nodes {
  readonly storage: Storage;
  readonly other: Storage;
}

/** To be called in a describe. `open` is called after the hooks that were registered before. */
export function storageSuite(open: OpenStorage): void {
  let opened: Storage[] = [];
  const nodes: Nodes = {
    get storage() {
      return opened[0];
    },
    get other() {
      return opened[1];
    },
  };

  before(async function () {
    this.timeout(20_000);
    // At once: both find an empty database and only one may fill it.
    opened = await Promise.all([open(), open()]);
  });

  after(() => Promise.all(opened.map((storage) => storage.close())));

  it("answers a ping until it is closed", async () => {
    const storage = await open();
    await storage.ping();
    await storage.close();
    await assert.rejects(storage.ping());
  });

  describe("accounts", () => accountsSuite(nodes));
  describe("rosters", () => rostersSuite(nodes));
  describe("messages", () => messagesSuite(nodes));
  describe("archive", () => archiveSuite(nodes));
  describe("nodes", () => nodesSuite(nodes));
  describe("key-values", () => keyValuesSuite(nodes));
  describe("when it is opened again", () => reopeningSuite(open));
}
