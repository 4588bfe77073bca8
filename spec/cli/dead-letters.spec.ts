import assert from "node:assert/strict";
import type { ClusterStatus } from "../../src/admin/cluster-commands.js";
import type { LetterSummary } from "../../src/admin/dead-letters.js";
import type { AdapterModule, ClusterAdapter } from "../../src/cluster/adapter.js";
import { adapter as kafka } from "../../src/cluster/adapters/kafka.js";
import { adapter as rabbitmq } from "../../src/cluster/adapters/rabbitmq.js";
import { encode, type Item } from "../../src/cluster/envelope.js";
import { type CuttableBroker, cuttableBroker } from "../support/cuttable-broker.js";
import { emptyDatabase } from "../support/databases.js";
import { silentLog } from "../support/silent-log.js";
import { Place } from "./place.js";
import { RawClient } from "./raw-client.js";
import type { SluiceProcess } from "./sluice-process.js";

const SECRET = "meet me at the balcony";

for (const [name, module] of [
  ["RabbitMQ", rabbitmq],
  ["Kafka", kafka],
] as const) {
  describe(`sluice dead-letters, over ${name}`, function () {
    this.timeout(60_000);
    const place = new Place();
    let broker: CuttableBroker;
    /** Another node, as far as the broker knows. */
    let stranger: ClusterAdapter;
    let node: string;
    let server: SluiceProcess;

    before(async function () {
      const url = await emptyDatabase(this, "postgres");
      broker = await cuttableBroker(this, module.name as CuttableBroker["adapter"]);
      const options = { ...broker.options, attempts: 2, retryDelay: 5 };
      // The node that is killed is not to be waited for long.
      const cluster = { adapter: broker.adapter, options, beat: "200ms", deadAfter: "1s" };
      await place.configure({ storage: { client: "postgres", url }, cluster });
      server = await place.start();
      await place.addUser("juliet@localhost", "secret");
      const direct = module.options.parse(broker.direct);
      stranger = (module as AdapterModule).create(direct, silentLog);
      await stranger.start(
        "stranger",
        async () => undefined,
        () => undefined,
      );
      node = (JSON.parse(await told("cluster", "status", "--json")) as ClusterStatus).node;
    });
    after(async () => {
      await place.remove();
      await stranger?.stop();
      await broker?.proxy.close();
    });

    /** What a command says that succeeds. */
    async function told(...args: string[]): Promise<string> {
      const { code, stdout, stderr } = await place.run(args);
      assert.deepEqual([code, stderr], [0, ""]);
      return stdout;
    }

    /** And one that cannot be done, in one sentence. */
    async function refused(...args: string[]): Promise<string> {
      const { code, stdout, stderr } = await place.run(args);
      assert.deepEqual([code, stdout], [4, ""], stderr);
      assert.match(stderr, /^[^\n]+\n$/);
      return stderr;
    }

    const letters = async () => JSON.parse(await told("dead-letters", "list", "--json")) as LetterSummary[];

    /** The node is sent what it has to set aside. @returns it, as it is listed */
    async function deadLetter(body: Uint8Array): Promise<LetterSummary> {
      const before = (await letters()).map(({ id }) => id);
      await stranger.send(node, "poison", body);
      for (;;) {
        const letter = (await letters()).find(({ id }) => !before.includes(id));
        if (letter) return letter;
      }
    }

    function message(): Buffer {
      const to = ["juliet@localhost/balcony"];
      const item: Item = ["stanza", `<message type="chat"><body>${SECRET}</body></message>`, to, 0, 0, 0];
      return encode({ n: 0, items: [item], poison: "it was too much" }) as Buffer;
    }

    it("list and show one, replay delivers it, and it is gone", async () => {
      const juliet = await RawClient.online(await server.port(), { name: "juliet", resource: "balcony" });
      const { id, from, to, kinds, reason } = await deadLetter(message());
      assert.deepEqual(
        [from, to, kinds, reason],
        ["stranger", node, ["stanza (message)"], "it was too much"],
      );
      const shown = await told("dead-letters", "show", id);
      assert.match(shown, /^reason: +it was too much\n/m);
      assert.ok(!shown.includes(SECRET), shown);
      assert.ok((await told("dead-letters", "show", id, "--body")).includes(SECRET));
      assert.ok(!juliet.text.includes(SECRET));
      assert.equal(await told("dead-letters", "replay", id), `Replayed ${id}.\n`);
      await juliet.receives(new RegExp(SECRET));
      assert.equal(await told("dead-letters", "list"), "There are no dead letters.\n");
      juliet.drop();
    });

    it("keep what cannot be replayed until it is dropped, though the node is killed", async () => {
      const { id } = await deadLetter(Buffer.from("no batch"));
      assert.match(await refused("dead-letters", "replay", id), /cannot be read, so it cannot be replayed/);
      await server.kill();
      server = await place.start();
      assert.deepEqual(
        (await letters()).map((letter) => letter.id),
        [id],
      );
      assert.equal(await told("dead-letters", "drop", id), `Dropped ${id}.\n`);
      assert.equal(await refused("dead-letters", "drop", id), `There is no dead letter ${id}.\n`);
    });

    it("say at once that the broker is away, while it is", async () => {
      broker.proxy.cut();
      try {
        await server.says(/"the broker cannot be reached"/);
        for (const command of [["list"], ["show", "x"], ["replay", "x"], ["drop", "x"]]) {
          const began = performance.now();
          assert.match(await refused("dead-letters", ...command), /^The broker cannot be reached/);
          assert.ok(performance.now() - began < 5000);
        }
      } finally {
        broker.proxy.heal();
      }
      await server.says(/"the broker cannot be reached"[\s\S]*"the broker can be reached"/);
      assert.deepEqual(await letters(), []);
    });
  });
}
