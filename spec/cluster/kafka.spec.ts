import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import {
  type ClusterMessage,
  MIN_MESSAGE_SIZE,
  type OnState,
  type Receive,
} from "../../src/cluster/adapter.js";
import { Link } from "../../src/cluster/adapters/kafka/link.js";
import { Names } from "../../src/cluster/adapters/kafka/names.js";
import { adapter, type KafkaAdapter } from "../../src/cluster/adapters/kafka.js";
import { Authority } from "../support/authority.js";
import {
  KAFKA_PASSWORD,
  KAFKA_USER,
  type KafkaBroker,
  kafkaBrokers,
  sharedKafka,
} from "../support/kafka-broker.js";
import { silentLog } from "../support/silent-log.js";
import { adapterSuite } from "./adapter.suite.js";

const DEADLINE = 30_000;

describe("the cluster adapter over Kafka", () => {
  let brokers: string[];
  /** Where it is ours, so that it may be killed. */
  let broker: KafkaBroker | undefined;

  before(async function () {
    brokers = await kafkaBrokers(this);
    broker = await sharedKafka();
  });

  function make(prefix: string, options: object = {}, log = silentLog): KafkaAdapter {
    const quick = { brokers, prefix, inFlight: 16, retryDelay: 5, commitInterval: 10, maxBackoff: 500 };
    // As docs/cluster.md says it for those who have three.
    const copies = brokers.length < 3 ? {} : { replicationFactor: 3, minInSync: 2 };
    return adapter.create(adapter.options.parse({ ...quick, ...copies, ...options }), log) as KafkaAdapter;
  }

  async function asAdmin<T>(work: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await work(admin);
    } finally {
      await admin.disconnect();
    }
  }

  const leftovers = (prefix: string) =>
    asAdmin(async (admin) => {
      const groups = (await admin.listGroups()).groups.map(({ groupId }) => groupId);
      const names = [...(await admin.listTopics()), ...groups];
      return names.filter((name) => name.startsWith(`${prefix}.mailbox.`));
    });

  adapterSuite(async () => ({
    make,
    crash: async (one) => (one as KafkaAdapter).crash(),
    leftovers,
    inFlight: 16,
    deadline: DEADLINE,
    breakBroker: broker && {
      lose: () => (broker as KafkaBroker).kill(),
      restore: () => (broker as KafkaBroker).restart(),
    },
  }));

  describe("in particular", function () {
    this.timeout(60_000);
    let prefix: string;
    let started: KafkaAdapter[];

    beforeEach(() => {
      prefix = `spec-${randomUUID().slice(0, 8)}`;
      started = [];
    });
    afterEach(() => Promise.all(started.map((one) => one.stop())));

    const nothing = async () => undefined;
    const ignore = () => undefined;
    const text = ({ body }: ClusterMessage) => Buffer.from(body).toString();
    const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

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

    async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
      for (const began = Date.now(); !(await condition()); ) {
        // Otherwise it would go on when the spec has long failed.
        if (Date.now() - began > DEADLINE) throw new Error(`not within ${DEADLINE} ms: ${condition}`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }

    it("sends what comes at once in batches, and keeps the order of each key in them", async () => {
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
      const heard: string[] = [];
      let running = 0;
      const a = await start("a");
      await start("b", async (message) => {
        running += 1;
        assert.equal(running, 1, "two of one key at a time");
        for (let turns = Number(text(message)) % 7; turns >= 0; turns--) await turn();
        heard.push(text(message));
        running -= 1;
      });
      const sends: Promise<void>[] = [];
      // Runs of one, two and three of a kind.
      for (let i = 0; i < 60; i++) {
        sends.push(a.send([0, 1, 3, 4, 5].includes(i % 9) ? "*" : "b", "k", Buffer.from(String(i))));
        if (i % 10 === 0) await turn();
      }
      await Promise.all(sends);
      await until(() => heard.length >= 60);
      assert.deepEqual(
        heard,
        Array.from({ length: 60 }, (_, i) => String(i)),
      );
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
      assert.deepEqual([...new Set(heard)].sort(), taken.sort());
    });

    it("notes what was received, so that an heir is given the rest only", async () => {
      const heard: string[] = [];
      let open: () => void = ignore;
      const gate = new Promise<void>((resolve) => {
        open = resolve;
      });
      const a = await start("a");
      const b = await start("b", async (message) => {
        if (heard.length >= 10) await gate;
        heard.push(text(message));
      });
      for (let i = 0; i < 15; i++) await a.send("b", "k", Buffer.from(String(i)));
      const groupId = new Names(prefix).mailbox("b");
      await until(() =>
        asAdmin(async (admin) => {
          const [topic] = await admin.fetchOffsets({ groupId, topics: [groupId] });
          return topic.partitions[0].offset === "10";
        }),
      );
      b.crash();
      open();
      const heir = listener();
      assert.equal(await a.adopt("b", heir.receive), 5);
      assert.deepEqual(heir.heard, ["10", "11", "12", "13", "14"]);
    });

    it("tells a node that was adopted while it stood still, and takes nothing more from it", async () => {
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
      assert.deepEqual(states, ["up", "gone"]);
    });

    it("adopts in turn what a dead heir was adopting", async () => {
      const a = await start("a");
      const b = await start("b");
      const c = await start("c", () => new Promise(ignore));
      await a.send("c", "k", Buffer.from("1"));
      await a.send("c", "k", Buffer.from("2"));
      c.crash();
      let begun = false;
      // It never gets done with the first.
      const adoption = b.adopt("c", () => {
        begun = true;
        return new Promise(ignore);
      });
      await until(() => begun);
      const broken = assert.rejects(adoption);
      b.crash();
      await broken;
      const heir = listener();
      assert.equal(await a.adopt("b", heir.receive), 2);
      assert.deepEqual(heir.heard, ["1", "2"]);
      assert.deepEqual(await leftovers(prefix), [new Names(prefix).mailbox("a")]);
    });

    it("refuses a second node of the same name", async () => {
      const a = await start("a");
      await assert.rejects(start("a"));
      await a.send("a", "k", Buffer.alloc(0));
    });

    it("knows its own mailbox when the broker was lost before it had said that it was made", async () => {
      const { createTopic } = Link.prototype;
      const asked: string[] = [];
      Link.prototype.createTopic = async function (topic, config) {
        const made = await createTopic.call(this, topic, config);
        asked.push(topic);
        if (asked.filter((one) => one === topic).length === 1) throw new Error("the connection was lost");
        return made;
      };
      try {
        const { heard, receive } = listener();
        const a = await start("a", receive);
        await a.send("a", "k", Buffer.from("hello"));
        await until(() => heard.length === 1);
      } finally {
        Link.prototype.createTopic = createTopic;
      }
      assert.ok(asked.length > new Set(asked).size);
    });

    it("keeps the latest dead letters, not all", async () => {
      const options = { deadLetters: 5, attempts: 1 };
      const refuse = async (message: ClusterMessage) => {
        throw text(message);
      };
      const a = await start("a", refuse, options);
      for (let i = 0; i < 12; i++) await a.send("a", "k", Buffer.from(String(i)));
      let reasons: string[] = [];
      await until(async () => {
        reasons = (await a.deadLetters(100)).map(({ reason }) => reason);
        return reasons.at(-1) === "11";
      });
      assert.deepEqual(reasons, ["7", "8", "9", "10", "11"]);
    });

    it("makes anew what all nodes share and somebody has deleted", async () => {
      const refuse = async () => {
        throw new Error("poison");
      };
      const a = await start("a", refuse, { attempts: 1 });
      const b = await start("b");
      await a.send("a", "k", Buffer.from("before"));
      await until(async () => (await b.deadLetters(10)).length > 0);
      const { deadLetters, claims } = new Names(prefix);
      await asAdmin((admin) => admin.deleteTopics({ topics: [deadLetters, claims] }));
      assert.deepEqual(await b.deadLetters(10), []);
      await a.send("a", "k", Buffer.from("after"));
      await until(async () => (await b.deadLetters(10)).length > 0);
      a.crash();
      await b.adopt("a", nothing);
      assert.deepEqual(await leftovers(prefix), [new Names(prefix).mailbox("b")]);
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

    it("compresses what it sends, and reads what others have compressed or not", async () => {
      const { heard, receive } = listener();
      const compressing = await start("a", receive, { compression: "gzip" });
      const plain = await start("b", receive);
      const body = "x".repeat(100_000);
      await compressing.send("b", "k", Buffer.from(body));
      await plain.send("a", "k", Buffer.from(body));
      await until(() => heard.length === 2);
      assert.deepEqual(heard, [body, body]);
      if (!broker) return;
      const names = new Names(prefix);
      const [toB, toA] = await Promise.all(["b", "a"].map((node) => broker?.kept(names.mailbox(node))));
      assert.deepEqual([toB?.length, toB?.[0].compression], [1, "gzip"]);
      assert.deepEqual([toA?.length, toA?.[0].compression], [1, "none"]);
      const [small, large] = [toB, toA].map((batches) => batches?.[0].size ?? 0);
      assert.ok(large > body.length && small < body.length / 100, `${small} bytes, ${large} without`);
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
        await broker.restart();
        await until(() => states.at(-1) === "up");
      }
      const before = sent;
      await until(() => sent > before + 50);
      ending = true;
      await sending;
      await until(() => new Set(heard).size >= sent);
      const all = Array.from({ length: sent }, (_, i) => String(i));
      assert.deepEqual([...new Set(heard)], all);
      // Only what was refused, and so sent again, may have come twice.
      assert.ok(heard.length - sent <= rejected, `${heard.length} for ${sent}, ${rejected} refused`);
    });

    it("speaks TLS and logs in, by each mechanism", async function () {
      if (!broker) this.skip();
      const { address, certPem } = broker.secure;
      for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"]) {
        const { heard, receive } = listener();
        const sasl = { mechanism, username: KAFKA_USER, password: KAFKA_PASSWORD };
        const a = await start(`by ${mechanism}`, receive, { brokers: [address], tls: { ca: certPem }, sasl });
        await a.send(`by ${mechanism}`, "k", Buffer.from("hello"));
        await until(() => heard.length > 0);
        assert.deepEqual(heard, ["hello"]);
      }
    });

    it("fails to start with a wrong password at once, and never tells it", async function () {
      if (!broker) this.skip();
      const { address, certPem } = broker.secure;
      const password = "not this one";
      const said: string[] = [];
      const hear = (fields: object, words: string) => said.push(JSON.stringify(fields), words);
      const sasl = { mechanism: "scram-sha-512", username: KAFKA_USER, password };
      const options = { brokers: [address], tls: { ca: certPem }, sasl };
      const a = make(prefix, options, { ...silentLog, info: hear, warn: hear } as typeof silentLog);
      await assert.rejects(a.start("a", nothing, ignore), (error: Error) => {
        said.push(String(error.stack));
        return /authentication/i.test(error.message);
      });
      assert.ok(!said.join("\n").includes(password));
    });

    it("shows a broker that asks for it its certificate", async function () {
      if (!broker) this.skip();
      const { address, certPem } = broker.mutual;
      const { heard, receive } = listener();
      const brokers = [address];
      const a = await start("a", receive, { brokers, tls: { ca: certPem, ...broker.issue() } });
      await a.send("a", "k", Buffer.from("hello"));
      await until(() => heard.length > 0);
      for (const identity of [{}, new Authority("Another").issue()]) {
        const b = make(prefix, { brokers, tls: { ca: certPem, ...identity }, startTimeout: 300 });
        await assert.rejects(b.start("b", nothing, ignore), /alert .*certificate/);
      }
    });

    it("trusts no broker with an unknown certificate", async function () {
      if (!broker) this.skip();
      const options = { brokers: [broker.secure.address], tls: true, startTimeout: 300 };
      await assert.rejects(make(prefix, options).start("a", nothing, ignore), /self-signed|certificate/);
    });

    it("goes to another broker of its list when one is away", async () => {
      const away = "127.0.0.1:1";
      for (const list of [
        [away, ...brokers],
        [...brokers, away],
      ]) {
        const { heard, receive } = listener();
        const a = await start(`a ${list}`, receive, { brokers: list });
        await a.send(`a ${list}`, "k", Buffer.from("hello"));
        await until(() => heard.length > 0);
      }
    });

    it("fails to start without a broker", async () => {
      const a = make(prefix, { brokers: ["127.0.0.1:1"], startTimeout: 200 });
      await assert.rejects(a.start("a", nothing, ignore), /ECONNREFUSED/);
      await a.stop();
    });
  });
});

describe("the names of topics", () => {
  it("are legal and differ for all nodes, whatever these are called", () => {
    const nodes = [
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
    nodes.push("x".repeat(500), `${"x".repeat(499)}y`, "é".repeat(200), "empty", "..", " ");
    const names = nodes.map((node) => new Names("sluice").mailbox(node));
    assert.equal(new Set(names).size, nodes.length);
    for (const name of names) assert.match(name, /^[a-zA-Z0-9._-]{1,249}$/);
    // Kafka takes "." and "_" for the same in the names of its metrics, and refuses a topic that differs in that alone.
    assert.equal(new Set(names.map((name) => name.replaceAll(".", "_"))).size, nodes.length);
  });
});
