import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { connect } from "amqplib";
import {
  type ClusterMessage,
  MIN_MESSAGE_SIZE,
  type NodeId,
  type OnState,
  type Receive,
} from "../../src/cluster/adapter.js";
import { Names } from "../../src/cluster/adapters/rabbitmq/names.js";
import { adapter, type RabbitAdapter } from "../../src/cluster/adapters/rabbitmq.js";
import { Authority } from "../support/authority.js";
import { CuttableProxy } from "../support/cuttable-proxy.js";
import { RABBIT_PASSWORD, type RabbitBroker, rabbitUrl, sharedRabbit } from "../support/rabbitmq-broker.js";
import { silentLog } from "../support/silent-log.js";
import { adapterSuite } from "./adapter.suite.js";
import type { News } from "./rabbitmq-node.js";

const DEADLINE = 20_000;
const CHILD = fileURLToPath(new URL("./rabbitmq-node.js", import.meta.url));

describe("the cluster adapter over RabbitMQ", () => {
  let url: string;
  /** Where it is ours, so that it may be killed. */
  let broker: RabbitBroker | undefined;
  let proxy: CuttableProxy;
  let throughProxy: string;
  /** The nodes of each deployment, where the broker cannot be asked. */
  const nodes = new Map<string, Set<NodeId>>();

  before(async function () {
    url = await rabbitUrl(this);
    broker = await sharedRabbit();
    const { hostname, port } = new URL(url);
    proxy = await CuttableProxy.open({ host: hostname, port: Number(port) || 5672 });
    const through = new URL(url);
    through.hostname = "127.0.0.1";
    through.port = String(proxy.port);
    throughProxy = through.href;
  });
  after(() => proxy?.close());

  function make(prefix: string, options: object = {}, log = silentLog): RabbitAdapter {
    const quick = { url: throughProxy, prefix, inFlight: 16, retryDelay: 5, maxBackoff: 200, heartbeat: 1 };
    const one = adapter.create(adapter.options.parse({ ...quick, ...options }), log) as RabbitAdapter;
    const start = one.start.bind(one);
    one.start = (self, ...more) => {
      nodes.set(prefix, (nodes.get(prefix) ?? new Set()).add(self));
      return start(self, ...more);
    };
    return one;
  }

  /** Mailboxes that are there. */
  async function leftovers(prefix: string): Promise<string[]> {
    if (broker) return (await broker.queues()).filter((name) => name.startsWith(`${prefix}.mailbox.`));
    const names = [...(nodes.get(prefix) ?? [])].map((node) => new Names(prefix).mailbox(node));
    const model = await connect(url);
    const found: string[] = [];
    for (const name of names) {
      const channel = await model.createChannel();
      channel.on("error", () => undefined);
      await channel.checkQueue(name).then(
        () => found.push(name),
        () => undefined,
      );
    }
    await model.close();
    return found;
  }

  const kit = (options: object) => async () => ({
    make: (prefix: string) => make(prefix, options),
    crash: async (one: unknown) => (one as RabbitAdapter).crash(),
    leftovers,
    inFlight: 16,
    deadline: DEADLINE,
    breakBroker: {
      lose: async () => proxy.cut(),
      restore: async () => proxy.heal(),
    },
  });

  adapterSuite(kit({}));

  describe("with quorum queues", () => adapterSuite(kit({ queueType: "quorum" })));

  describe("in particular", function () {
    this.timeout(60_000);
    let prefix: string;
    let started: RabbitAdapter[];

    beforeEach(() => {
      prefix = `spec-${randomUUID().slice(0, 8)}`;
      started = [];
    });
    afterEach(async () => {
      proxy.heal();
      await Promise.all(started.map((one) => one.stop()));
    });

    const nothing = async () => undefined;
    const ignore = () => undefined;
    const text = ({ body }: ClusterMessage) => Buffer.from(body).toString();
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
    const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, i) => String(from + i));

    async function start(name: string, receive: Receive = nothing, options = {}, state: OnState = ignore) {
      const one = make(prefix, options);
      await one.start(name, receive, state);
      started.push(one);
      return one;
    }

    /** Keeps what it is given. */
    function listener() {
      const heard: string[] = [];
      const receive = async (message: ClusterMessage) => {
        await turn();
        heard.push(text(message));
      };
      return { heard, receive };
    }

    /** Work waits at it until it is opened. */
    function gate() {
      let open: () => void = ignore;
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      return { open, opened };
    }

    async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
      for (const began = Date.now(); !(await condition()); ) {
        // Otherwise it would go on when the spec has long failed.
        if (Date.now() - began > DEADLINE) throw new Error(`not within ${DEADLINE} ms: ${condition}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }

    /** The connection, as the node that tells of its states notices. */
    async function losesAndFinds(states: readonly string[]): Promise<void> {
      proxy.cut();
      await until(() => states.at(-1) === "down");
      proxy.heal();
      await until(() => states.at(-1) === "up");
    }

    it("keeps the order of each key in thousands of messages that wait for their confirmation", async () => {
      const { heard, receive } = listener();
      const a = await start("a");
      await start("b", receive);
      const keys = Array.from({ length: 20 }, (_, i) => `key ${i}`);
      const sends: Promise<void>[] = [];
      for (let i = 0; i < 100; i++)
        for (const key of keys) sends.push(a.send("b", key, Buffer.from(`${key}: ${i}`)));
      await Promise.all(sends);
      await until(() => heard.length >= sends.length);
      for (const key of keys) {
        assert.deepEqual(
          heard.filter((one) => one.startsWith(`${key}: `)),
          Array.from({ length: 100 }, (_, i) => `${key}: ${i}`),
        );
      }
      assert.equal(heard.length, sends.length);
    });

    it("keeps the order of one key between messages to all and to one node", async () => {
      const { heard, receive } = listener();
      const a = await start("a");
      await start("b", receive);
      const sends: Promise<void>[] = [];
      for (const one of numbers(60)) {
        sends.push(a.send(Number(one) % 3 === 0 ? "*" : "b", "k", Buffer.from(one)));
        if (Number(one) % 10 === 0) await turn();
      }
      await Promise.all(sends);
      await until(() => heard.length >= 60);
      assert.deepEqual(heard, numbers(60));
    });

    it("takes each message to a node that is stopping, and receives it, or refuses it", async () => {
      const { heard, receive } = listener();
      const a = await start("a");
      const b = await start("b", receive);
      const taken: string[] = [];
      let refused = false;
      const sending = (async () => {
        for (let i = 0; !refused; i++) {
          const batch = Array.from({ length: 5 }, (_, j) => `${i}.${j}`);
          const results = await Promise.allSettled(batch.map((one) => a.send("b", one, Buffer.from(one))));
          taken.push(...batch.filter((_, j) => results[j].status === "fulfilled"));
          refused = results.some(({ status }) => status === "rejected");
        }
      })();
      await until(() => heard.length > 20);
      await b.stop();
      await sending;
      assert.deepEqual(heard.sort(), taken.sort());
    });

    it("receives nothing twice when the connection is lost in the middle of it", async () => {
      const heard: string[] = [];
      const states: string[] = [];
      const { open, opened } = gate();
      const receive = async (message: ClusterMessage) => {
        if (heard.length >= 3) await opened;
        heard.push(text(message));
      };
      const a = await start("a", nothing, { url });
      await start("b", receive, { prefetch: 10 }, (state) => states.push(state));
      for (const one of numbers(30)) await a.send("b", "k", Buffer.from(one));
      await until(() => heard.length === 3);
      await losesAndFinds(states);
      open();
      await until(() => heard.length >= 30);
      await a.send("b", "k", Buffer.from("30"));
      await until(() => heard.includes("30"));
      assert.deepEqual(heard, numbers(31));
    });

    it("refuses at once while the broker is away, and at most so much while it is slow", async () => {
      const states: string[] = [];
      const a = await start("a", nothing, { maxUnconfirmed: 100 }, (state) => states.push(state));
      const sends = numbers(150).map((one) => a.send("a", one, Buffer.from(one)));
      const results = await Promise.allSettled(sends);
      assert.deepEqual(
        results.map(({ status }) => status === "fulfilled"),
        Array.from({ length: 150 }, (_, i) => i < 100),
      );
      proxy.cut();
      const pending = Promise.allSettled(numbers(50).map((one) => a.send("a", one, Buffer.from(one))));
      await until(() => states.at(-1) === "down");
      await pending;
      await assert.rejects(a.send("a", "k", Buffer.from("now")), /away/);
    });

    it("refuses what waits for a confirmation when its connection ends", async () => {
      const a = await start("a");
      const pending = a.send("a", "k", Buffer.from("1"));
      a.crash();
      await assert.rejects(pending, /closed/);
    });

    it("notices a broker that stands still, and goes on with it", async function () {
      if (!broker?.pid) this.skip();
      const { heard, receive } = listener();
      const states: string[] = [];
      const a = await start("a", receive, { connectTimeout: 300 }, (state) => states.push(state));
      process.kill(broker.pid, "SIGSTOP");
      try {
        const pending = assert.rejects(a.send("a", "k", Buffer.from("1")));
        await until(() => states.at(-1) === "down");
        await pending;
      } finally {
        process.kill(broker.pid, "SIGCONT");
      }
      await until(() => states.at(-1) === "up");
      await a.send("a", "k", Buffer.from("2"));
      await until(() => heard.includes("2"));
    });

    it("counts as down while the broker takes no messages, and loses none", async function () {
      if (!broker) this.skip();
      const { heard, receive } = listener();
      const states: string[] = [];
      const a = await start("a", receive, {}, (state) => states.push(state));
      await broker.alarm(true);
      try {
        // The broker blocks those who send.
        const first = a.send("a", "k", Buffer.from("first"));
        await until(() => states.at(-1) === "down");
        await assert.rejects(a.send("a", "k", Buffer.from("second")), /away/);
        await broker.alarm(false);
        await first;
        await until(() => states.at(-1) === "up");
        await until(() => heard.length > 0);
        assert.deepEqual(heard, ["first"]);
      } finally {
        await broker.alarm(false);
      }
    });

    it("tells a node that was adopted while it was alive, and takes nothing more from it", async () => {
      const { heard, receive } = listener();
      const states: string[] = [];
      const a = await start("a", receive);
      const b = await start("b", receive, {}, (state) => states.push(state));
      await a.send("b", "k", Buffer.from("1"));
      await a.adopt("b", receive);
      await until(() => states.at(-1) === "gone");
      await assert.rejects(b.send("a", "k", Buffer.from("2")));
      await b.stop();
      assert.deepEqual([...new Set(heard)], ["1"]);
      assert.deepEqual(states, ["up", "down", "gone"]);
      assert.deepEqual(await leftovers(prefix), [new Names(prefix).mailbox("a")]);
    });

    it("gives an heir all of a node that stands still, in order, and tells the node when it goes on", async () => {
      const a = await start("a");
      const options = JSON.stringify({ url, prefix, heartbeat: 1, prefetch: 5, maxBackoff: 200 });
      const child = fork(CHILD, ["b", options]);
      try {
        const news: News[] = [];
        child.on("message", (one: News) => void news.push(one));
        await until(() => news.some(({ is }) => is === "up"));
        for (const one of numbers(20)) await a.send("b", "k", Buffer.from(one));
        await until(() => news.some(({ is }) => is === "begun"));
        child.kill("SIGSTOP");
        const heir = listener();
        assert.equal(await a.adopt("b", heir.receive), 20);
        assert.deepEqual(heir.heard, numbers(20));
        await assert.rejects(a.send("b", "k", Buffer.from("late")));
        child.kill("SIGCONT");
        await until(() => news.at(-1)?.is === "gone");
        assert.deepEqual(
          news.map(({ is }) => is),
          ["up", "begun", "down", "gone"],
        );
      } finally {
        child.kill("SIGKILL");
      }
    });

    it("lets another adopt what a dead heir was adopting", async () => {
      const a = await start("a");
      const b = await start("b");
      const c = await start("c", () => new Promise(ignore));
      for (const one of numbers(3)) await a.send("c", "k", Buffer.from(one));
      c.crash();
      const done: string[] = [];
      // It never gets done with the second.
      const adoption = b.adopt("c", async (message) => {
        if (done.length > 0) return new Promise(ignore);
        done.push(text(message));
      });
      await until(() => done.length > 0);
      assert.equal(await a.adopt("c", nothing), 0);
      const broken = assert.rejects(adoption);
      await turn();
      b.crash();
      await broken;
      const heir = listener();
      // The broker may not have noticed yet.
      await until(async () => (await a.adopt("c", heir.receive)) > 0);
      assert.deepEqual(heir.heard, ["1", "2"]);
    });

    it("goes on adopting when the broker is back", async () => {
      const { open, opened } = gate();
      const a = await start("a");
      const b = await start("b", () => new Promise(ignore));
      for (const one of numbers(10)) await a.send("b", "k", Buffer.from(one));
      b.crash();
      const heard: string[] = [];
      const adoption = a.adopt("b", async (message) => {
        if (heard.length >= 4) await opened;
        heard.push(text(message));
      });
      await until(() => heard.length >= 4);
      proxy.cut();
      await turn();
      proxy.heal();
      open();
      assert.equal(await adoption, 10);
      assert.deepEqual(heard, numbers(10));
    });

    it("has a mailbox read by one at a time, so that nobody is handed what comes later first", async () => {
      for (const queueType of ["classic", "quorum"]) {
        const { heard, receive } = listener();
        const a = await start(`a ${queueType}`, receive, { queueType });
        const model = await connect(url);
        const channel = await model.createChannel();
        const others: unknown[] = [];
        await channel.consume(new Names(prefix).mailbox(`a ${queueType}`), (message) => others.push(message));
        for (const one of numbers(20)) await a.send(`a ${queueType}`, "k", Buffer.from(one));
        await until(() => heard.length === 20);
        await model.close();
        assert.deepEqual(others, []);
        assert.deepEqual(heard, numbers(20));
      }
    });

    it("refuses a second node of the same name", async () => {
      const a = await start("a");
      await assert.rejects(start("a"), /there already/);
      await a.send("a", "k", Buffer.alloc(0));
    });

    /** An admin takes from under the nodes what they share. */
    async function deleteShared(): Promise<void> {
      const model = await connect(url);
      const channel = await model.createChannel();
      const { nodes: one, all, deadLetters } = new Names(prefix);
      for (const exchange of [one, all, deadLetters]) await channel.deleteExchange(exchange);
      await channel.deleteQueue(deadLetters);
      await model.close();
    }

    /** Two nodes that hear each other, and have what they cannot read set aside. */
    async function pair(state: OnState = ignore) {
      const { heard, receive } = listener();
      const refuse = async (message: ClusterMessage) => {
        if (text(message) === "poison") throw new Error("poison");
        await receive(message);
      };
      const a = await start("a", refuse, {}, state);
      const b = await start("b", refuse, {}, state);
      const hear = async () => {
        heard.length = 0;
        const sends = [a.send("b", "k", Buffer.from("to b")), b.send("a", "k", Buffer.from("to a"))];
        await Promise.all([...sends, a.send("*", "k", Buffer.from("to all"))]);
        await until(() => heard.length >= 3);
        assert.deepEqual(heard.sort(), ["to a", "to all", "to b"]);
        await a.send("b", "poison", Buffer.from("poison"));
        await until(async () => (await a.deadLetters(10)).length > 0);
      };
      return { a, b, heard, hear };
    }

    it("makes anew on a new connection what somebody has deleted", async () => {
      const states: string[] = [];
      const { hear } = await pair((state) => states.push(state));
      await deleteShared();
      proxy.cut();
      await until(() => states.filter((state) => state === "down").length === 2);
      proxy.heal();
      await until(() => states.filter((state) => state === "up").length === 4);
      await hear();
    });

    it("makes anew what somebody deletes under it, though it sends nothing itself", async () => {
      const { a, b, heard, hear } = await pair();
      await deleteShared();
      assert.deepEqual(await b.deadLetters(10), []);
      const arrives = () =>
        a.send("b", "k", Buffer.from("to b")).then(
          () => true,
          () => false,
        );
      // It notices within a heartbeat, which is a second here.
      await until(arrives);
      await until(() => heard.includes("to b"));
      await hear();
    });

    it("keeps the latest dead letters, not all, and shows each who looks all of them", async () => {
      const options = { maxDeadLetters: 5, attempts: 1 };
      const refuse = async (message: ClusterMessage) => {
        throw text(message);
      };
      const a = await start("a", refuse, options);
      const b = await start("b", nothing, options);
      for (const one of numbers(12)) await a.send("a", "k", Buffer.from(one));
      const reasons = async (of: RabbitAdapter) => (await of.deadLetters(100)).map(({ reason }) => reason);
      await until(async () => (await reasons(a)).at(-1) === "11");
      const looks = await Promise.all([a, b, a, b, b].map(reasons));
      for (const look of looks) assert.deepEqual(look, numbers(5, 7));
    });

    it("refuses what is larger than a message may be, and goes on", async () => {
      const { heard, receive } = listener();
      const a = await start("a", receive, { maxMessageSize: MIN_MESSAGE_SIZE });
      const [large] = await Promise.allSettled([
        a.send("a", "k", Buffer.alloc(MIN_MESSAGE_SIZE + 1)),
        a.send("a", "k", Buffer.from("fits")),
      ]);
      assert.equal(large.status, "rejected");
      await until(() => heard.length > 0);
      assert.deepEqual(heard, ["fits"]);
    });

    it("loses, doubles and reorders nothing when the broker is killed in the middle of traffic", async function () {
      if (!broker) this.skip();
      const heard: string[] = [];
      const states: string[] = [];
      const a = await start("a", nothing, {}, (state) => states.push(state));
      await start("b", async (message) => void heard.push(text(message)));
      let sent = 0;
      let rejected = 0;
      let ending = false;
      const sending = (async () => {
        while (!ending) {
          // As who has stored it would: again until it is taken.
          await a.send("b", "k", Buffer.from(String(sent))).then(
            () => {
              sent += 1;
            },
            async () => {
              rejected += 1;
              await new Promise((resolve) => setTimeout(resolve, 20));
            },
          );
        }
      })();
      for (let round = 1; round <= 2; round++) {
        const before = sent;
        await until(() => sent > before + 50);
        await broker.kill();
        await until(() => states.at(-1) === "down");
        await broker.restart();
        await until(() => states.at(-1) === "up");
      }
      const before = sent;
      await until(() => sent > before + 50);
      ending = true;
      await sending;
      await until(() => new Set(heard).size >= sent);
      assert.deepEqual([...new Set(heard)], numbers(sent));
      // Only what was refused, and so sent again, may have come twice.
      assert.ok(heard.length - sent <= rejected, `${heard.length} for ${sent}, ${rejected} refused`);
    });

    it("goes to another broker of its list when one is away", async () => {
      const { heard, receive } = listener();
      const states: string[] = [];
      const dead = new URL(url);
      dead.port = "1";
      const urls = { url: [dead.href, throughProxy, dead.href] };
      const a = await start("a", receive, urls, (state) => states.push(state));
      await losesAndFinds(states);
      await a.send("a", "k", Buffer.from("hello"));
      await until(() => heard.length > 0);
    });

    it("keeps to the vhost of its address, whatever that, the user and the password are", async function () {
      if (!broker) this.skip();
      const vhost = `Act 2/scene 1: 50 % é of ${prefix}`;
      const [user, password] = [`Zoë@${prefix}`, "ünder the/balcony: 100 %"];
      await broker.addVhost(vhost, user, password);
      const { heard, receive } = listener();
      const states: string[] = [];
      const [path, name, secret] = [vhost, user, password].map(encodeURIComponent);
      const options = { url: `amqp://${name}:${secret}@127.0.0.1:${proxy.port}/${path}` };
      const a = await start("a", receive, options, (state) => states.push(state));
      await losesAndFinds(states);
      await a.send("a", "k", Buffer.from("hello"));
      await until(() => heard.length > 0);
      // Elsewhere nothing can have been made: the user may not even look there.
      const names = new Names(prefix);
      assert.deepEqual((await broker.queues(vhost)).sort(), [names.deadLetters, names.mailbox("a")]);
      await assert.rejects(
        make(prefix, { url: options.url.replace(path, "") }).start("b", nothing, ignore),
        /no vhost "\/"/,
      );
    });

    it("fails to start at once where there is no such vhost, and says what to do", async function () {
      if (!broker) this.skip();
      const a = make(prefix, { url: `${url}/stage%2Fleft` });
      const began = Date.now();
      await assert.rejects(a.start("a", nothing, ignore), (error: Error) => {
        assert.match(error.message, /127\.0\.0\.1:\d+ has no vhost "stage\/left"/);
        assert.match(error.message, /user sluice\b.*rabbitmqctl add_vhost.*rabbitmqctl set_permissions/);
        assert.ok(!`${error.stack}${error.cause}`.includes(RABBIT_PASSWORD));
        return true;
      });
      // Not after it has tried for as long as it waits for a broker.
      assert.ok(Date.now() - began < 10_000);
    });

    it("speaks TLS", async function () {
      if (!broker) this.skip();
      const { heard, receive } = listener();
      const a = await start("a", receive, { url: broker.secureUrl, tls: { ca: broker.certPem } });
      await a.send("a", "k", Buffer.from("hello"));
      await until(() => heard.length > 0);
    });

    it("shows the broker its certificate", async function () {
      if (!broker) this.skip();
      const { heard, receive } = listener();
      const trusted = { url: broker.secureUrl, tls: { ca: broker.certPem, ...broker.issue() } };
      const a = await start("a", receive, trusted);
      await a.send("a", "k", Buffer.from("hello"));
      await until(() => heard.length > 0);
      // Of both connections.
      assert.deepEqual(await broker.shown(), ["CN=somebody", "CN=somebody"]);
      const foreign = { ca: broker.certPem, ...new Authority("Another").issue() };
      const b = make(prefix, { url: broker.secureUrl, tls: foreign, startTimeout: 300 });
      await assert.rejects(b.start("b", nothing, ignore), /unknown ca/);
    });

    it("trusts no broker with an unknown certificate", async function () {
      if (!broker) this.skip();
      const a = make(prefix, { url: broker.secureUrl, startTimeout: 300 });
      await assert.rejects(a.start("a", nothing, ignore), /self-signed|certificate/);
    });

    it("fails to start with a wrong password at once, and never tells it", async function () {
      if (!broker) this.skip();
      const password = "not-this-one";
      const said: string[] = [];
      const hear = (fields: object, words: string) => said.push(JSON.stringify(fields), words);
      const options = { url: url.replace(RABBIT_PASSWORD, password) };
      const a = make(prefix, options, { ...silentLog, info: hear, warn: hear } as typeof silentLog);
      const began = Date.now();
      await assert.rejects(a.start("a", nothing, ignore), (error: Error) => {
        said.push(String(error.stack));
        return /ACCESS.REFUSED/.test(error.message);
      });
      // Not after it has tried for as long as it waits for a broker.
      assert.ok(Date.now() - began < 10_000);
      const wrong = adapter.options.safeParse({ url: `http://sluice:${password}@127.0.0.1` });
      said.push(String(wrong.error));
      assert.equal(wrong.success, false);
      assert.ok(!said.join("\n").includes(password));
    });

    it("fails to start without a broker", async () => {
      const a = make(prefix, { url: "amqp://127.0.0.1:1", startTimeout: 200 });
      await assert.rejects(a.start("a", nothing, ignore), /ECONNREFUSED/);
      await a.stop();
    });
  });
});

describe("the names of queues", () => {
  it("are legal and differ for all nodes, whatever these are called", () => {
    const names = [
      "",
      "_empty",
      "a",
      "A",
      "a.b",
      "a_b",
      "a-b",
      "a_002eb",
      "\u00e4",
      "a\u0308",
      "🎭",
      "\ud83c",
      "*",
      "/",
    ];
    names.push("x".repeat(500), `${"x".repeat(499)}y`, "é".repeat(200), "empty", "..", " ", "mailbox.a");
    const queues = names.map((node) => new Names("sluice").mailbox(node));
    assert.equal(new Set(queues).size, names.length);
    for (const queue of queues) assert.match(queue, /^[a-zA-Z0-9._-]{1,255}$/);
  });
});
