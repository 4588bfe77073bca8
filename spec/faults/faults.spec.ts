import { strict as assert } from "node:assert";
import { emptyDatabase } from "../support/databases.js";
import { ServerProcess } from "./process.js";
import { kills, runFaults } from "./run.js";

/** How often the server is killed: a few times here, at least a hundred in `npm run test:faults`. */
const KILLS = Number(process.env.FAULT_KILLS ?? 3);
const SEED = Number(process.env.FAULT_SEED ?? Date.now() % 1_000_000);

describe(`What is acknowledged survives kill -9 of the server (${KILLS} times, FAULT_SEED=${SEED})`, function () {
  this.timeout(60_000 + KILLS * 6_000);

  async function check(storage: Record<string, unknown>): Promise<void> {
    const server = await ServerProcess.create(storage);
    try {
      const result = await runFaults(server, kills(server, KILLS), SEED);
      const { lost, disordered, unarchived, ...figures } = result;
      console.log(`      ${JSON.stringify(figures)}`);
      assert(figures.acknowledged > 0);
      assert.deepEqual(lost, [], "acknowledged, but never delivered");
      assert.deepEqual(disordered, [], "delivered in another order than sent");
      assert.deepEqual(unarchived, [], "acknowledged, but not in an archive");
    } finally {
      await server.remove();
    }
  }

  it("on SQLite", () => check({ client: "sqlite" }));

  it("on PostgreSQL", async function () {
    const url = await emptyDatabase(this, "postgres");
    this.timeout(60_000 + KILLS * 6_000);
    await check({ client: "postgres", url });
  });
});
