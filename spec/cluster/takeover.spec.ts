import assert from "node:assert/strict";
import { MemoryAdapter } from "../../src/cluster/adapters/memory.js";
import { MemoryBus } from "../../src/cluster/adapters/memory-bus.js";
import { NO_FLAGS } from "../../src/session/session.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { TestCluster } from "../support/cluster.js";
import { CutOffAdapter } from "../support/cut-off-adapter.js";
import { emptyDatabase } from "../support/databases.js";
import { chat, RawClient, until } from "../support/raw-client.js";
import { startTestServer } from "../support/server.js";

/** Its nodes are taken for dead after this many ms. */
const DEAD_AFTER = 600;

for (const database of ["postgres", "mysql"] as const)
  describe(`A cluster of three nodes on ${database}`, function () {
    this.timeout(30_000);
    let bus: MemoryBus;
    let adapters: CutOffAdapter[];
    let cluster: TestCluster;
    let clients: RawClient[];
    let url: string;
    const overrides = {
      cluster: { beat: "50ms", deadAfter: `${DEAD_AFTER}ms` },
      // A node that is cut off says why.
      log: { level: "silent" },
    };

    beforeEach(async function () {
      bus = new MemoryBus();
      adapters = [];
      clients = [];
      const make = () => {
        const adapter = new CutOffAdapter(new MemoryAdapter(bus));
        adapters.push(adapter);
        return adapter;
      };
      url = await emptyDatabase(this, database);
      cluster = await TestCluster.start(3, url, make, overrides);
      for (const name of ["romeo", "juliet", "nurse"]) {
        await cluster.nodes[0].createAccount(Jid.of(name, cluster.nodes[0].domain), "secret");
      }
    });
    afterEach(async () => {
      for (const client of clients) await client.drop();
      bus.restore();
      await cluster.stop();
    });

    /** Logged in and available on a node. */
    async function login(name: string, node: number, resource = "spec"): Promise<RawClient> {
      const { port, domain } = cluster.nodes[node];
      const client = await RawClient.open(port);
      clients.push(client);
      await client.login(name, domain, "secret");
      await client.bind(resource);
      client.write("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>");
      await client.withId("roster");
      await client.named("presence");
      return client;
    }

    const addressOf = (name: string) => `${name}@${cluster.nodes[0].domain}`;
    const rows = (node: number, name: string) =>
      cluster.nodes[node].server.registry.of(Jid.parse(addressOf(name))).map(({ jid }) => jid.resource);

    /** How many different tables the nodes have. */
    const tables = () => new Set(cluster.nodes.map(({ server }) => server.cluster?.digest())).size;

    /** The node that has begun to take over from a dead one, as soon as one has. */
    async function heirAtWork(): Promise<number> {
      while (!adapters.some(({ isAdopting }) => isAdopting))
        await new Promise((resolve) => setTimeout(resolve, 10));
      return adapters.findIndex(({ isAdopting }) => isAdopting);
    }

    const sessionOf = (name: string, node: number) =>
      cluster.nodes[node].server.registry.of(Jid.parse(addressOf(name))).find(({ session }) => session)
        ?.session;

    /** When the others have taken a node for dead, and it knows. */
    async function isBuried(node: number): Promise<void> {
      const { fenced, cluster: own } = cluster.nodes[node].server;
      await fenced;
      for (const { server } of cluster.nodes) {
        if (server === cluster.nodes[node].server) continue;
        while (server.cluster?.alive.includes(own?.self as string))
          await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }

    it("tells contacts that those are gone who were on a node that died", async () => {
      const romeo = await login("romeo", 0);
      const juliet = await login("juliet", 2);
      romeo.write(`<presence to='${addressOf("juliet")}' type='subscribe'/>`);
      await juliet.next((one) => one.attrs.type === "subscribe");
      juliet.write(`<presence to='${addressOf("romeo")}' type='subscribed'/>`);
      await romeo.next((one) => one.attrs.type === "subscribed");
      await romeo.next((one) => one.is("presence") && one.attrs.type === undefined);
      adapters[2].isCutOff = true;
      const gone = await romeo.next((one) => one.attrs.type === "unavailable");
      assert.equal(gone.attrs.from, `${addressOf("juliet")}/spec`);
      romeo.write(
        `<iq type='get' id='last' to='${addressOf("juliet")}'><query xmlns='jabber:iq:last'/></iq>`,
      );
      assert.match((await romeo.withId("last")).toString(), /seconds="\d"/);
      await isBuried(2);
      assert.deepEqual([rows(0, "juliet"), rows(1, "juliet")], [[], []]);
      assert.equal((await cluster.nodes[0].server.cluster?.status())?.nodes.length, 1);
    });

    it("tells them also when the node that was to take over died half-way", async () => {
      const juliet = await login("juliet", 2);
      const romeos = [await login("romeo", 0, "first"), await login("romeo", 1, "second")];
      for (const romeo of romeos) {
        juliet.write(`<presence to='${addressOf("romeo")}'/>`);
        await romeo.next((one) => one.attrs.from?.startsWith("juliet") === true);
      }
      await cluster.settled();
      for (const node of [0, 1]) adapters[node].adoptsNever = true;
      adapters[2].isCutOff = true;
      await isBuried(2);
      const heir = await heirAtWork();
      const survivor = 1 - heir;
      adapters[survivor].adoptsNever = false;
      adapters[heir].isCutOff = true;
      const gone = await romeos[survivor].next(
        ({ attrs }) => attrs.type === "unavailable" && attrs.from?.startsWith("juliet") === true,
      );
      assert.equal(gone.attrs.from, `${addressOf("juliet")}/spec`);
    });

    it("is left in time by a node that cannot take over what it has begun to", async () => {
      await login("juliet", 2);
      for (const node of [0, 1]) adapters[node].adoptsNever = true;
      adapters[2].isCutOff = true;
      await isBuried(2);
      const heir = await heirAtWork();
      await cluster.leave(heir);
      adapters[1 - heir].adoptsNever = false;
    });

    it("tells those, too, whom they sent presence directly, wherever they did", async () => {
      const romeo = await login("romeo", 0);
      const nurse = await login("nurse", 0);
      const juliet = await login("juliet", 1);
      const id = await juliet.enable();
      for (const name of ["romeo", "nurse"]) juliet.write(`<presence to='${addressOf(name)}'/>`);
      for (const one of [romeo, nurse]) await one.next((element) => element.attrs.from?.includes("juliet"));
      juliet.write(`<presence to='${addressOf("nurse")}' type='unavailable'/>`);
      await nurse.next((element) => element.attrs.type === "unavailable");
      await juliet.reset();
      const back = await RawClient.open(cluster.nodes[2].port);
      clients.push(back);
      await back.login("juliet", cluster.nodes[2].domain, "secret");
      assert.ok((await back.resume(id, 0)).is("resumed"));
      await cluster.settled();
      adapters[2].isCutOff = true;
      const gone = await romeo.next((element) => element.attrs.type === "unavailable");
      assert.equal(gone.attrs.from, `${addressOf("juliet")}/spec`);
      await isBuried(2);
      await nurse.ping();
      assert.deepEqual(
        nurse.mailbox.filter((element) => element.attrs.type === "unavailable"),
        [],
      );
    });

    it("tells them also where those are gone who heard of it when it was sent", async () => {
      const juliet = await login("juliet", 2);
      const romeo = await login("romeo", 0);
      juliet.write(`<presence to='${addressOf("romeo")}'/>`);
      await romeo.next((element) => element.attrs.from?.includes("juliet"));
      const newcomer = await cluster.join();
      await cluster.settled();
      for (const node of [0, 1]) await cluster.leave(node);
      const again = await login("romeo", newcomer);
      adapters[2].isCutOff = true;
      const gone = await again.next((element) => element.attrs.type === "unavailable");
      assert.equal(gone.attrs.from, `${addressOf("juliet")}/spec`);
    });

    it("lets those in at once who had nothing to do with a node that has just died", async () => {
      await login("juliet", 2);
      // From then on a node knows where everybody has been.
      await new Promise((resolve) => setTimeout(resolve, 4 * DEAD_AFTER));
      const { cluster: first } = cluster.nodes[0].server;
      const { cluster: second } = cluster.nodes[1].server;
      adapters[2].isCutOff = true;
      await login("romeo", 0);
      assert.equal(first?.alive.length, 3);
      await login("juliet", 1, "again");
      assert.equal(second?.alive.length, 2);
    });

    it("gives what was on its way to a node that died to the account's next session, in order", async () => {
      const romeo = await login("romeo", 0);
      await login("juliet", 2);
      await romeo.enable();
      adapters[2].isCutOff = true;
      for (const id of ["m1", "m2", "m3"]) romeo.write(chat(addressOf("juliet"), id));
      await romeo.ping();
      await isBuried(2);
      romeo.write(chat(addressOf("juliet"), "m4"));
      await romeo.ping();
      const juliet = await login("juliet", 1, "again");
      for (const id of ["m1", "m2", "m3", "m4"]) assert.equal((await juliet.named("message")).attrs.id, id);
      await juliet.ping();
      assert.deepEqual(
        juliet.mailbox.filter((one) => one.is("message")),
        [],
      );
    });

    it("gives it to another session of the account at once", async () => {
      const romeo = await login("romeo", 0);
      await login("juliet", 2);
      const other = await login("juliet", 1, "other");
      adapters[2].isCutOff = true;
      romeo.write(chat(`${addressOf("juliet")}/spec`, "m1"));
      assert.equal((await other.named("message")).attrs.id, "m1");
    });

    it("goes on without its broker: what is for other nodes waits, and nobody is taken for dead", async () => {
      const romeo = await login("romeo", 0);
      const juliet = await login("juliet", 1);
      const neighbour = await login("nurse", 0);
      bus.lose(new Error("unplugged"));
      for (const id of ["m1", "m2"]) romeo.write(chat(`${addressOf("juliet")}/spec`, id));
      romeo.write(chat(addressOf("nurse"), "m3"));
      assert.equal((await neighbour.named("message")).attrs.id, "m3");
      await new Promise((resolve) => setTimeout(resolve, 2 * DEAD_AFTER));
      assert.deepEqual(juliet.mailbox, []);
      bus.restore();
      for (const id of ["m1", "m2"]) assert.equal((await juliet.named("message")).attrs.id, id);
      romeo.write(chat(`${addressOf("juliet")}/spec`, "m4"));
      assert.equal((await juliet.named("message")).attrs.id, "m4");
      for (const { server } of cluster.nodes) assert.equal(server.cluster?.alive.length, 3);
    });

    it("delivers once what was under way when the broker was lost, though its sender hears late of that", async () => {
      const romeo = await login("romeo", 0);
      const juliet = await login("juliet", 1);
      await cluster.settled();
      bus.lose(new Error("unplugged"));
      // The first waits for the broker, the others are in the store.
      for (let i = 0; i < 5; i++) {
        romeo.write(chat(addressOf("juliet"), `m${i}`));
        await romeo.ping();
      }
      let letGo: () => void = () => undefined;
      adapters[1].held = new Promise((resolve) => {
        letGo = resolve;
      });
      bus.restore();
      for (let i = 0; i < 5; i++) assert.equal((await juliet.named("message")).attrs.id, `m${i}`);
      letGo();
      adapters[1].held = undefined;
      romeo.write(chat(addressOf("juliet"), "last"));
      assert.equal((await juliet.named("message")).attrs.id, "last");
    });

    it("lets no node join that was taken for dead while it waited for its broker, and tells it", async () => {
      const late = new MemoryAdapter(bus);
      const start = late.start.bind(late);
      late.start = async (self, ...more) => {
        const knowing = () =>
          cluster.nodes.filter(({ server }) => server.cluster?.alive.includes(self)).length;
        for (const count of [3, 0]) {
          while (knowing() !== count) await new Promise((resolve) => setTimeout(resolve, 10));
        }
        await start(self, ...more);
      };
      const storage = { client: database, url, pool: { min: 0, max: 4 } };
      await assert.rejects(startTestServer({ ...overrides, storage }, late), /before it had joined/);
    });

    it("ends the older of two sessions that claim one address, on whichever node", async () => {
      const older = await login("romeo", 0, "same");
      const newer = await login("romeo", 2, "same");
      assert.equal(await older.streamError(), "conflict");
      await newer.ping();
      await cluster.settled();
      for (const node of [0, 1, 2]) assert.deepEqual(rows(node, "romeo"), ["same"]);
    });

    it("lets a client resume on another node what it has not acknowledged, once and in order", async () => {
      const romeo = await login("romeo", 0);
      const juliet = await login("juliet", 1);
      const id = await juliet.enable();
      romeo.write(chat(addressOf("juliet"), "m1"));
      await juliet.named("message");
      await juliet.reset();
      await until(() => sessionOf("juliet", 1)?.detached === true, "the session waits");
      for (const one of ["m2", "m3"]) romeo.write(chat(addressOf("juliet"), one));
      await romeo.ping();
      const { port, domain } = cluster.nodes[2];
      const back = await RawClient.open(port);
      clients.push(back);
      await back.login("juliet", domain, "secret");
      assert.ok((await back.resume(id, 1)).is("resumed"));
      romeo.write(chat(addressOf("juliet"), "m4"));
      for (const one of ["m2", "m3", "m4"]) {
        const message = await back.named("message");
        assert.equal(message.attrs.id, one);
        // XEP-0203: they were kept for her, though on another node. The last one may have been, too.
        if (one !== "m4") assert.ok(message.getChild("delay", "urn:xmpp:delay"));
      }
      back.write("<a xmlns='urn:xmpp:sm:3' h='4'/>");
      await back.ping();
      await cluster.settled();
      assert.deepEqual(
        [0, 1, 2].map((node) => rows(node, "juliet")),
        [["spec"], ["spec"], ["spec"]],
      );
    });

    it("makes good what the broker has lost, though more is said all the time", async () => {
      const romeo = await login("romeo", 0);
      const juliet = await login("juliet", 1);
      await login("romeo", 0, "elsewhere");
      await cluster.settled();
      let sent = 0;
      const say = async () => {
        for (let i = 0; i < 5; i++) romeo.write(chat(addressOf("juliet"), `m${sent++}`));
        await romeo.ping();
      };
      await say();
      adapters[0].toLose = 2;
      const heard = new Set<string | undefined>();
      // Until what was lost has come; by then further batches were under way all the time.
      while (heard.size < 100) {
        if (sent < 100) await say();
        heard.add((await juliet.named("message")).attrs.id);
      }
      await cluster.settled();
      assert.equal(tables(), 1);
    });

    it("is left by a node whose mailbox is no more, which joins anew", async () => {
      const { server } = cluster.nodes[1];
      await bus.adopt(server.cluster?.self as string, async () => undefined);
      await server.fenced;
      assert.equal(server.cluster?.status().adapter, "gone");
    });

    it("takes a node in whose others have more sessions than fit into one message", async () => {
      const { registry } = cluster.nodes[0].server;
      for (const node of [1, 2]) await cluster.leave(node);
      const status = `<status>${"x".repeat(400)}</status>`;
      for (let i = 0; i < 10_000; i++) {
        const jid = Jid.parse(`user${i}@${cluster.nodes[0].domain}/r`);
        const presence = Stanza.ofText(`<presence from="${jid.text}">${status}</presence>`);
        const common = {
          node: registry.node,
          priority: 0,
          interested: true,
          flags: NO_FLAGS,
          session: undefined,
        };
        registry.announced({ jid, presence, boundAt: i, ...common });
      }
      const newcomer = await cluster.join();
      const { cluster: own } = cluster.nodes[newcomer].server;
      assert.equal([...(own?.sessions() ?? [])].length, 10_000);
      assert.equal(own?.digest(), cluster.nodes[0].server.cluster?.digest());
    });

    it("sets aside what cannot be handled, and goes on with the rest", async () => {
      const [one, other] = cluster.nodes.map(({ server }) => server.cluster);
      const romeo = await login("romeo", 0);
      const juliet = await login("juliet", 1);
      await adapters[0].send(other?.self as string, "poison", Buffer.from("no batch"));
      romeo.write(chat(addressOf("juliet"), "m1"));
      assert.equal((await juliet.named("message")).attrs.id, "m1");
      let letters = (await one?.deadLetters(10)) ?? [];
      while (letters.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        letters = (await one?.deadLetters(10)) ?? [];
      }
      assert.match(letters[0].reason, /JSON|version/);
    });
  });
