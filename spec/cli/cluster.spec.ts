import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { ClusterStatus, SessionStatus } from "../../src/admin/cluster-commands.js";
import type { LetterSummary } from "../../src/admin/dead-letters.js";
import type { ClusterAdapter } from "../../src/cluster/adapter.js";
import { MemoryAdapter } from "../../src/cluster/adapters/memory.js";
import { MemoryBus } from "../../src/cluster/adapters/memory-bus.js";
import { encode, type Item } from "../../src/cluster/envelope.js";
import { Jid } from "../../src/xmpp/jid.js";
import { TestCluster } from "../support/cluster.js";
import { emptyDatabase } from "../support/databases.js";
import { RawClient, until } from "../support/raw-client.js";
import { startTestServer } from "../support/server.js";
import { Place } from "./place.js";
import { type Outcome, sluice } from "./sluice-process.js";

const COMMANDS = [
  ["cluster", "status"],
  ["cluster", "sessions"],
  ["dead-letters", "list"],
  ["dead-letters", "show", "x"],
  ["dead-letters", "replay", "x"],
  ["dead-letters", "drop", "x"],
  ["drain"],
];
const SECRET = "meet me at the balcony";

describe("sluice cluster and sluice dead-letters", function () {
  this.timeout(30_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-admin-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** As an admin would, on the machine of the server with that data folder. */
  async function ask(data: string, ...args: string[]): Promise<Outcome> {
    const config = join(folder, "sluice.yaml");
    await writeFile(config, stringify({ data }));
    return sluice([...args, "--config", config]);
  }

  describe("where no server runs", () => {
    const place = new Place();
    before(() => place.configure());
    after(() => place.remove());
    for (const command of COMMANDS) {
      it(`says so: ${command.join(" ")}`, async () => {
        const { code, stdout, stderr } = await place.run(command);
        assert.deepEqual([code, stdout], [3, ""]);
        assert.equal(
          stderr,
          `No server runs with the data folder ${place.data}. Start it, or name its configuration with --config.\n`,
        );
      });
    }
  });

  it("say of a server that is alone that it is in no cluster", async () => {
    const server = await startTestServer();
    try {
      for (const command of COMMANDS) {
        const { code, stdout, stderr } = await ask(server.server.config.data, ...command);
        assert.deepEqual([code, stdout], [4, ""]);
        assert.match(stderr, /^(This server is not in a cluster: .*|There is no other node .*)\n$/);
      }
    } finally {
      await server.stop();
    }
  });

  describe("on a node", () => {
    let bus: MemoryBus;
    let adapters: ClusterAdapter[];
    let cluster: TestCluster;
    let clients: RawClient[];

    beforeEach(async function () {
      bus = new MemoryBus();
      adapters = [];
      clients = [];
      const make = () => {
        const adapter = new MemoryAdapter(bus);
        adapters.push(adapter);
        return adapter;
      };
      const url = await emptyDatabase(this, "postgres");
      cluster = await TestCluster.start(2, url, make, { log: { level: "silent" } });
      await cluster.nodes[0].createAccount(Jid.of("juliet", cluster.nodes[0].domain), "secret");
    });
    afterEach(async () => {
      for (const client of clients) await client.drop();
      bus.restore();
      await cluster.stop();
    });

    const on = (node: number, ...args: string[]) => ask(cluster.nodes[node].server.config.data, ...args);
    const idOf = (node: number) => cluster.nodes[node].server.cluster?.self as string;

    async function juliet(node: number): Promise<RawClient> {
      const client = await RawClient.open(cluster.nodes[node].port);
      clients.push(client);
      await client.login("juliet", cluster.nodes[node].domain, "secret");
      await client.bind("spec");
      client.write("<presence/>");
      await client.named("presence");
      return client;
    }

    /** What a node could not handle, and has set aside. @returns its id */
    async function letter(node: number, item: Item | Buffer): Promise<string> {
      const body = Buffer.isBuffer(item) ? item : encode({ n: 0, items: [item], poison: "it was too much" });
      await adapters[node].send(idOf(node), "poison", body);
      await until(() => bus.deadLetters.length > 0, "a dead letter");
      return bus.deadLetters[0].id;
    }

    const message = (): Item => {
      const to = `juliet@${cluster.nodes[0].domain}/spec`;
      return ["stanza", `<message type="chat"><body>${SECRET}</body></message>`, [to], 0, 0, 0];
    };

    it("status shows both nodes with their sessions", async () => {
      await juliet(1);
      await cluster.settled();
      const { code, stdout } = await on(0, "cluster", "status");
      assert.equal(code, 0);
      const [own, broker, , titles, other, ...rest] = stdout.trimEnd().split("\n");
      assert.equal(own, `This node is ${idOf(0)}, with 0 sessions.`);
      assert.equal(broker, "The broker can be reached.");
      assert.match(titles, /^NODE +SESSIONS +SILENT +QUEUED +REACHABLE +THERE AND BACK$/);
      assert.match(other, new RegExp(`^${idOf(1)} +1 +\\d+ ms +\\d+ +yes +\\d+\\.\\d ms$`));
      assert.deepEqual(rest, []);
    });

    it("status --json says the same to programs", async () => {
      const { stdout } = await on(1, "cluster", "status", "--json");
      const { nodes, ...own } = JSON.parse(stdout) as ClusterStatus;
      assert.deepEqual(own, { node: idOf(1), sessions: 0, adapter: "up" });
      const [{ node, sessions, silent, queued, reachable, roundTrip }] = nodes;
      assert.deepEqual([nodes.length, node, sessions, queued, reachable], [1, idOf(0), 0, 0, true]);
      assert.ok(silent >= 0 && (roundTrip as number) > 0);
    });

    it("status --compare says whether the other knows the same sessions", async () => {
      await juliet(1);
      await cluster.settled();
      const same = async () => (await on(0, "cluster", "status", "--compare")).stdout.trimEnd().split("\n");
      let lines = await same();
      assert.match(lines[3], / +SAME TABLE$/);
      assert.match(lines[4], / +yes$/);
      // What one has heard, and the other has not.
      const [own] = cluster.nodes[1].server.registry.of(Jid.parse(`juliet@${cluster.nodes[0].domain}`));
      cluster.nodes[0].server.registry.withdrawn(own.jid, own.node);
      lines = await same();
      assert.match(lines[4], / +no$/);
    });

    it("sessions lists those of all nodes", async () => {
      assert.equal((await on(0, "cluster", "sessions")).stdout, "There are no sessions.\n");
      await juliet(1);
      await cluster.settled();
      const { stdout } = await on(0, "cluster", "sessions");
      const [titles, row, ...rest] = stdout.trimEnd().split("\n");
      assert.match(titles, /^SESSION +NODE +SINCE +AVAILABLE$/);
      assert.match(row, new RegExp(`^juliet@\\S+/spec +${idOf(1)} +\\d{4}-\\S+Z +yes$`));
      assert.deepEqual(rest, []);
      const known = JSON.parse((await on(0, "cluster", "sessions", "--json")).stdout) as SessionStatus[];
      assert.deepEqual([known.length, known[0].node, known[0].available], [1, idOf(1), true]);
    });

    it("status says that the broker is away, and does not wait for it", async () => {
      bus.lose(new Error("unplugged"));
      const began = performance.now();
      const { code, stdout } = await on(0, "cluster", "status");
      assert.equal(code, 0);
      assert.match(stdout, /^The broker cannot be reached; messages for other nodes wait\.$/m);
      assert.match(stdout, new RegExp(`^${idOf(1)} .* no answer$`, "m"));
      assert.ok(performance.now() - began < 10_000);
    });

    it("list and show tell kind and reason of a dead letter, and what was written only when asked", async () => {
      const id = await letter(1, message());
      const list = await on(0, "dead-letters", "list");
      assert.match(
        list.stdout,
        new RegExp(`^${id} +\\d{4}-\\S+Z +stanza \\(message\\) +it was too much$`, "m"),
      );
      const [json] = JSON.parse((await on(0, "dead-letters", "list", "--json")).stdout) as LetterSummary[];
      assert.deepEqual([json.id, json.kinds, json.to], [id, ["stanza (message)"], idOf(1)]);
      const shown = await on(1, "dead-letters", "show", id);
      assert.match(shown.stdout, /^kind: +stanza \(message\)\n/m);
      assert.match(shown.stdout, /^reason: +it was too much\n/m);
      for (const { stdout } of [list, shown]) assert.ok(!stdout.includes(SECRET), stdout);
      const whole = await on(1, "dead-letters", "show", id, "--body");
      assert.ok(whole.stdout.includes(SECRET));
    });

    it("tell nothing of the content of what cannot be read, and do not replay it", async () => {
      const id = await letter(1, Buffer.from(`"${SECRET}" is no batch`));
      const { stdout } = await on(0, "dead-letters", "show", id);
      assert.match(stdout, /^kind: +unreadable\n/m);
      assert.ok(!stdout.includes(SECRET.slice(0, 5)), stdout);
      const replayed = await on(0, "dead-letters", "replay", id);
      assert.equal(replayed.code, 4);
      assert.match(replayed.stderr, /cannot be read, so it cannot be replayed/);
      assert.equal(bus.deadLetters.length, 1);
    });

    it("show what a node set aside because handling it failed", async () => {
      // No address: what is wrong is found when it is handled.
      cluster.nodes[0].server.cluster?.forget({ bareText: "a@b@c" } as Jid);
      await until(() => bus.deadLetters.length > 0, "a dead letter");
      const { stdout } = await on(0, "dead-letters", "list");
      assert.match(stdout, / forget /);
      const client = await juliet(0);
      await client.ping();
      await cluster.settled();
    });

    it("replay delivers it, and it is gone", async () => {
      const client = await juliet(1);
      const id = await letter(1, message());
      const { code, stdout } = await on(1, "dead-letters", "replay", id);
      assert.deepEqual([code, stdout], [0, `Replayed ${id}.\n`]);
      assert.equal((await client.named("message")).getChildText("body"), SECRET);
      assert.equal((await on(0, "dead-letters", "list")).stdout, "There are no dead letters.\n");
    });

    it("replay delivers it from any node", async () => {
      const client = await juliet(1);
      await cluster.settled();
      const id = await letter(1, message());
      assert.equal((await on(0, "dead-letters", "replay", id)).code, 0);
      assert.equal((await client.named("message")).getChildText("body"), SECRET);
    });

    it("replay refuses what is out of date", async () => {
      const id = await letter(1, ["end", "juliet@localhost/spec", 0]);
      const { code, stderr } = await on(1, "dead-letters", "replay", id);
      assert.equal(code, 4);
      assert.match(stderr, /\(end\), which is out of date by now\. Drop it\.\n$/);
    });

    it("drop removes it, once", async () => {
      const id = await letter(0, message());
      const first = await on(1, "dead-letters", "drop", id);
      assert.deepEqual([first.code, first.stdout], [0, `Dropped ${id}.\n`]);
      const second = await on(1, "dead-letters", "drop", id);
      assert.deepEqual([second.code, second.stderr], [4, `There is no dead letter ${id}.\n`]);
    });
  });
});
