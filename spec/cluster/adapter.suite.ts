/**
 * The contract of `src/cluster/adapter.ts` as tests. An adapter is right when it passes them against its real broker:
 *
 *     describe("the adapter of …", () => adapterSuite(open));
 *
 * Nothing here relies on when a message arrives: each test waits for what has to happen, with a deadline. That something
 * does not happen is shown by a later message that arrives without it.
 */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import {
  type ClusterAdapter,
  type ClusterMessage,
  type DeadLetter,
  MIN_MESSAGE_SIZE,
  type NodeId,
} from "../../src/cluster/adapter.js";

/** What the suite is told of an adapter and its broker. */
export interface AdapterKit {
  /** An adapter that was not started. Those with the same deployment hear each other, those with another do not. */
  make(deployment: string): ClusterAdapter;
  /** Ends a node as `kill -9` does: its adapter does nothing more, and leaves behind what it has on the broker. */
  crash(adapter: ClusterAdapter, node: NodeId): Promise<void>;
  /** What a deployment has on the broker that belongs to nodes: mailboxes, topics, queues. */
  leftovers(deployment: string): Promise<string[]>;
  /** The most messages that a node is given at a time. */
  inFlight: number;
  /** ms that anything may take at the most; default 10,000. */
  deadline?: number;
  /** Makes the broker unreachable, and reachable again. Without it those tests are left out. */
  breakBroker?: { lose(): Promise<void>; restore(): Promise<void> };
  /** When all tests are done. */
  close?(): Promise<void>;
}

/** What one node heard, and what it does with it. */
class Inbox {
  readonly messages: ClusterMessage[] = [];
  /** Receives that have begun and not ended. */
  running = 0;
  most = 0;
  /** Called for each message before it counts as received. */
  onReceive: (message: ClusterMessage) => Promise<void> | void = () => undefined;
  #watchers: (() => void)[] = [];

  readonly receive = async (message: ClusterMessage): Promise<void> => {
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    this.#tell();
    try {
      await this.onReceive(message);
      this.messages.push(message);
    } finally {
      this.running -= 1;
      this.#tell();
    }
  };

  get texts(): string[] {
    return this.messages.map(({ body }) => Buffer.from(body).toString());
  }

  /** Resolves when the condition holds; it is looked at whenever something is received. */
  async until(condition: () => boolean, what: string, deadline: number): Promise<void> {
    let watcher: () => void = () => undefined;
    const met = new Promise<void>((resolve) => {
      watcher = () => {
        if (condition()) resolve();
      };
      this.#watchers.push(watcher);
      watcher();
    });
    await within(deadline, met, what);
    this.#watchers = this.#watchers.filter((one) => one !== watcher);
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Work waits at it until it is opened. */
class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}

interface TestNode {
  name: NodeId;
  adapter: ClusterAdapter;
  inbox: Inbox;
  states: string[];
}

export function adapterSuite(openKit: () => Promise<AdapterKit>): void {
  let kit: AdapterKit;
  let deployment: string;
  let started: TestNode[];
  let deadline: number;

  before(async function () {
    this.timeout(120_000);
    kit = await openKit();
    deadline = kit.deadline ?? 10_000;
  });
  after(() => kit.close?.());
  beforeEach(function () {
    this.timeout(10 * deadline);
    deployment = `suite-${randomUUID().slice(0, 8)}`;
    started = [];
  });
  afterEach(async () => {
    await Promise.all(started.map(({ adapter }) => within(deadline, adapter.stop(), "stop")));
  });

  async function start(name: NodeId = randomUUID(), of = deployment): Promise<TestNode> {
    const node = { name, adapter: kit.make(of), inbox: new Inbox(), states: [] as string[] };
    const state = (up: string) => {
      node.states.push(up);
    };
    await within(deadline, node.adapter.start(name, node.inbox.receive, state), "start");
    started.push(node);
    return node;
  }

  async function crash(node: TestNode): Promise<void> {
    started.splice(started.indexOf(node), 1);
    await within(deadline, kit.crash(node.adapter, node.name), "crash");
  }

  const startAll = (count: number) => Promise.all(Array.from({ length: count }, () => start()));

  function send(from: TestNode, to: TestNode | "*", text: string | Uint8Array, key = "k"): Promise<void> {
    const body = typeof text === "string" ? Buffer.from(text) : text;
    const sent = from.adapter.send(to === "*" ? to : to.name, key, body, { durable: true });
    return within(deadline, sent, "send");
  }

  const heard = (node: TestNode, count: number) =>
    node.inbox.until(() => node.inbox.messages.length >= count, `${count} messages`, deadline);

  /** What a node hears up to a message that is sent now. */
  async function heardSoFar(node: TestNode, from: TestNode): Promise<string[]> {
    const marker = randomUUID();
    await send(from, node, marker);
    await node.inbox.until(() => node.inbox.texts.includes(marker), "the marker", deadline);
    return node.inbox.texts.filter((text) => text !== marker);
  }

  /** The dead letters, as soon as there are so many. */
  async function setAside(node: TestNode, count: number): Promise<DeadLetter[]> {
    for (;;) {
      const letters = await node.adapter.deadLetters(10);
      if (letters.length >= count) return letters;
      // The broker is given time; and one in memory gives the event loop none.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The texts of each key in the order heard. */
  function byKey(messages: readonly ClusterMessage[]): Map<string, string[]> {
    const keys = new Map<string, string[]>();
    for (const { key, body } of messages)
      keys.set(key, [...(keys.get(key) ?? []), Buffer.from(body).toString()]);
    return keys;
  }

  describe("a message", () => {
    it("is heard by the node it names, and by no other", async () => {
      const [a, b, c] = await startAll(3);
      await send(a, b, "for b");
      await heard(b, 1);
      const [message] = b.inbox.messages;
      assert.deepEqual([message.from, message.key, b.inbox.texts], [a.name, "k", ["for b"]]);
      assert.deepEqual(await heardSoFar(c, a), []);
      assert.deepEqual(await heardSoFar(a, b), []);
    });

    it("to all is heard by all but its sender", async () => {
      const [a, b, c] = await startAll(3);
      await send(a, "*", "for all");
      await Promise.all([heard(b, 1), heard(c, 1)]);
      assert.deepEqual([b.inbox.texts, c.inbox.texts], [["for all"], ["for all"]]);
      assert.deepEqual(await heardSoFar(a, b), []);
    });

    it("to all is sent where there is nobody else", async () => {
      await send(await start(), "*", "hello?");
    });

    it("has an id of its own", async () => {
      const [a, b, c] = await startAll(3);
      await Promise.all([send(a, c, "1"), send(a, c, "2"), send(b, c, "3"), send(b, c, "4")]);
      await heard(c, 4);
      assert.equal(new Set(c.inbox.messages.map(({ id }) => id)).size, 4);
    });

    it("arrives byte for byte, whatever its size, also when the sender uses the bytes again", async () => {
      const [a, b] = await startAll(2);
      const bodies = [
        Buffer.alloc(0),
        Buffer.from([0]),
        Buffer.from([255, 0, 10, 13]),
        randomBytes(MIN_MESSAGE_SIZE),
      ];
      for (const body of bodies) {
        const own = Uint8Array.from(body);
        await send(a, b, own);
        own.fill(1);
      }
      await heard(b, bodies.length);
      for (const [i, body] of bodies.entries())
        assert.ok(body.equals(b.inbox.messages[i].body), `message ${i}`);
    });

    it("may have any text as key", async () => {
      const [a, b] = await startAll(2);
      const keys = ["", " ", "juliet@capulet.example/bälcony 🎭", "*", "a.b.#", "x".repeat(1000), "\n"];
      await Promise.all(keys.map((key) => send(a, b, key, key)));
      await heard(b, keys.length);
      assert.deepEqual(b.inbox.messages.map(({ key }) => key).sort(), [...keys].sort());
      for (const { key, body } of b.inbox.messages) assert.equal(Buffer.from(body).toString(), key);
    });

    it("to a node that there is not is refused", async () => {
      const a = await start();
      await assert.rejects(send(a, { ...a, name: randomUUID() }, "hello?"));
    });

    it("to a node that has stopped is refused", async () => {
      const [a, b] = await startAll(2);
      await within(deadline, b.adapter.stop(), "stop");
      await assert.rejects(send(a, b, "hello?"));
    });

    it("of another deployment is not heard, though its nodes have the same names", async () => {
      const other = `${deployment}-other`;
      const [a, b] = [await start("a"), await start("b")];
      const [otherA, otherB] = [await start("a", other), await start("b", other)];
      await send(a, b, "for b");
      await send(a, "*", "for all");
      await heard(b, 2);
      assert.deepEqual(await heardSoFar(otherB, otherA), []);
    });
  });

  describe("a node", () => {
    it("hears all that is sent once its start has resolved", async () => {
      const a = await start();
      for (let round = 0; round < 5; round++) {
        const fresh = await start();
        await Promise.all([send(a, fresh, "to you"), send(a, "*", "to all")]);
        await heard(fresh, 2);
      }
    });

    it("is told that it is up when it starts", async () => {
      const a = await start();
      assert.equal(a.states.at(-1), "up");
    });

    it("that was started again hears nothing that was sent to it before", async () => {
      const [a, b] = await startAll(2);
      const gate = new Gate();
      b.inbox.onReceive = () => gate.opened;
      await send(a, b, "old");
      await b.inbox.until(() => b.inbox.running === 1, "the old message", deadline);
      await crash(b);
      gate.open();
      const again = await start();
      assert.deepEqual(await heardSoFar(again, a), []);
    });

    it("sends nothing before it has started, and nothing after it has stopped", async () => {
      const idle = kit.make(deployment);
      const a = await start();
      await assert.rejects(idle.send(a.name, "k", Buffer.from("early")));
      await within(deadline, idle.stop(), "stop");
      const b = await start();
      await within(deadline, b.adapter.stop(), "stop");
      await assert.rejects(send(b, a, "late"));
      await assert.rejects(send(b, "*", "late"));
      assert.deepEqual(a.inbox.texts, []);
    });
  });

  describe("receiving", () => {
    it("keeps the order of each sender's messages with one key, however slow it is", async () => {
      const [a, b, c] = await startAll(3);
      const running = new Set<string>();
      c.inbox.onReceive = async ({ from, key, id }) => {
        const lane = `${from} ${key}`;
        assert.ok(!running.has(lane), "two of one key at a time");
        running.add(lane);
        for (let turns = id.length % 5; turns >= 0; turns--)
          await new Promise((resolve) => setImmediate(resolve));
        running.delete(lane);
      };
      const keys = ["one", "two", "three", "four", "five"];
      const sends: Promise<void>[] = [];
      for (let i = 0; i < 40; i++) {
        for (const key of keys) for (const from of [a, b]) sends.push(send(from, c, String(i), key));
      }
      await Promise.all(sends);
      await heard(c, sends.length);
      const expected = Array.from({ length: 40 }, (_, i) => String(i));
      for (const { name } of [a, b]) {
        const lanes = byKey(c.inbox.messages.filter(({ from }) => from === name));
        for (const key of keys) assert.deepEqual(lanes.get(key), expected, key);
      }
    });

    it("is given no more at a time than it is to be, and goes on as it gets done", async () => {
      const [a, b] = await startAll(2);
      const gate = new Gate();
      b.inbox.onReceive = () => gate.opened;
      const count = kit.inFlight + 20;
      await Promise.all(Array.from({ length: count }, (_, i) => send(a, b, String(i), `key ${i}`)));
      await b.inbox.until(() => b.inbox.running > 0, "the first", deadline);
      gate.open();
      await heard(b, count);
      assert.ok(b.inbox.most <= kit.inFlight, `${b.inbox.most} at a time`);
      assert.equal(new Set(b.inbox.texts).size, count);
    });

    it("that fails is tried again, in its place", async () => {
      const [a, b] = await startAll(2);
      let failures = 0;
      b.inbox.onReceive = ({ body }) => {
        if (Buffer.from(body).toString() !== "2" || failures > 0) return;
        failures += 1;
        throw new Error("the database is busy");
      };
      for (const text of ["1", "2", "3"]) await send(a, b, text);
      await heard(b, 3);
      assert.deepEqual(b.inbox.texts, ["1", "2", "3"]);
      assert.equal(failures, 1);
      assert.deepEqual(await a.adapter.deadLetters(10), []);
    });

    it("that goes on failing sets the message aside with its reason, and goes on with the next", async () => {
      const [a, b] = await startAll(2);
      b.inbox.onReceive = ({ key }) => {
        if (key === "bad") throw new Error("cannot be read");
      };
      await send(a, b, "poison", "bad");
      await send(a, b, "fine", "good");
      await send(a, b, "poison too", "bad");
      await heard(b, 1);
      const dead = await within(deadline, setAside(a, 2), "two dead letters");
      for (const { key, reason, from, to, at } of dead) {
        assert.deepEqual([key, from, to], ["bad", a.name, b.name]);
        assert.match(reason, /cannot be read/);
        assert.ok(Math.abs(Date.now() - at.getTime()) < 60_000, `${at}`);
      }
      assert.deepEqual(dead.map(({ body }) => Buffer.from(body).toString()).sort(), ["poison", "poison too"]);
      b.inbox.onReceive = () => undefined;
      await send(a, b, "fine again", "bad");
      await heard(b, 2);
      assert.deepEqual(b.inbox.texts, ["fine", "fine again"]);
    });

    it("that has set a message aside keeps it until it is dropped, whoever asks", async () => {
      const [a, b, c] = await startAll(3);
      b.inbox.onReceive = () => {
        throw new Error("cannot be read");
      };
      await send(a, b, "1");
      await send(a, b, "2");
      const [first, second] = await within(deadline, setAside(c, 2), "two dead letters");
      assert.deepEqual(await c.adapter.deadLetters(1), [first]);
      await within(deadline, b.adapter.stop(), "stop");
      assert.equal(await c.adapter.dropDeadLetter(first.id), true);
      assert.equal(await a.adapter.dropDeadLetter(first.id), false);
      assert.deepEqual(
        (await a.adapter.deadLetters(10)).map(({ id }) => id),
        [second.id],
      );
      assert.equal(await a.adapter.dropDeadLetter(second.id), true);
      assert.deepEqual(await c.adapter.deadLetters(10), []);
    });
  });

  describe("stopping", () => {
    it("waits for what is being received", async () => {
      const [a, b] = await startAll(2);
      const gate = new Gate();
      b.inbox.onReceive = () => gate.opened;
      await send(a, b, "slow");
      await b.inbox.until(() => b.inbox.running === 1, "the message", deadline);
      const events: string[] = [];
      const stopped = b.adapter.stop().then(() => events.push("stopped"));
      b.inbox.onReceive = () => undefined;
      const received = heard(b, 1).then(() => events.push("received"));
      gate.open();
      await within(deadline, Promise.all([stopped, received]), "stop");
      assert.deepEqual(events, ["received", "stopped"]);
    });

    it("loses nothing that was sent to the node before", async () => {
      const [a, b] = await startAll(2);
      b.inbox.onReceive = () => new Promise((resolve) => setImmediate(resolve));
      await Promise.all(Array.from({ length: 100 }, (_, i) => send(a, b, String(i), `key ${i % 3}`)));
      await within(deadline, b.adapter.stop(), "stop");
      assert.equal(b.inbox.messages.length, 100);
    });

    it("may be asked for more than once, and before the start", async () => {
      const a = await start();
      await within(deadline, Promise.all([a.adapter.stop(), a.adapter.stop()]), "stop");
      await within(deadline, a.adapter.stop(), "stop");
      await within(deadline, kit.make(deployment).stop(), "stop");
    });

    it("leaves nothing of the node behind", async () => {
      const [a, b] = await startAll(2);
      await send(a, b, "hello");
      await heard(b, 1);
      await Promise.all([a, b].map(({ adapter }) => within(deadline, adapter.stop(), "stop")));
      assert.deepEqual(await kit.leftovers(deployment), []);
    });
  });

  describe("adopting a dead node", () => {
    /** A node that died with messages of which it had begun to receive some. */
    async function crashed(from: TestNode, count: number): Promise<TestNode> {
      const dead = await start();
      const gate = new Gate();
      dead.inbox.onReceive = () => gate.opened;
      const sends = Array.from({ length: count }, (_, i) => send(from, dead, String(i), `key ${i % 3}`));
      await Promise.all(sends);
      await dead.inbox.until(() => dead.inbox.running > 0, "the first", deadline);
      await crash(dead);
      gate.open();
      return dead;
    }

    it("gives all it had not received to one of those who try, once, in order", async () => {
      const [a, b, c] = await startAll(3);
      const dead = await crashed(a, 30);
      const heirs = [b, c].map(({ adapter }) => ({ adapter, inbox: new Inbox() }));
      const counts = await within(
        deadline,
        Promise.all(heirs.map(({ adapter, inbox }) => adapter.adopt(dead.name, inbox.receive))),
        "adoption",
      );
      assert.deepEqual(
        [...counts].sort((x, y) => x - y),
        [0, 30],
      );
      const [heir, other] = counts[0] === 30 ? heirs : heirs.toReversed();
      assert.deepEqual(other.inbox.messages, []);
      for (const [key, texts] of byKey(heir.inbox.messages)) {
        const first = Number(key.slice("key ".length));
        assert.deepEqual(
          texts,
          Array.from({ length: 10 }, (_, i) => String(first + 3 * i)),
        );
      }
      for (const { from } of heir.inbox.messages) assert.equal(from, a.name);
    });

    it("removes its mailbox: nobody sends to it any more, and there is nothing more to adopt", async () => {
      const [a, b] = await startAll(2);
      const dead = await crashed(a, 3);
      const inbox = new Inbox();
      assert.equal(await within(deadline, b.adapter.adopt(dead.name, inbox.receive), "adoption"), 3);
      await assert.rejects(send(a, dead, "hello?"));
      assert.equal(await within(deadline, a.adapter.adopt(dead.name, inbox.receive), "adoption"), 0);
      assert.equal(inbox.messages.length, 3);
    });

    it("tells the node when it was not dead, and takes nothing more from it", async () => {
      const [a, b] = await startAll(2);
      await send(a, b, "before");
      await within(deadline, a.adapter.adopt(b.name, a.inbox.receive), "adoption");
      const told = async () => {
        while (b.states.at(-1) !== "gone") await new Promise((resolve) => setTimeout(resolve, 5));
      };
      await within(deadline, told(), "state gone");
      await assert.rejects(send(b, a, "still there"));
      assert.deepEqual([...new Set([...a.inbox.texts, ...b.inbox.texts])], ["before"]);
    });

    it("tries again what fails", async () => {
      const [a, b] = await startAll(2);
      const dead = await crashed(a, 6);
      const inbox = new Inbox();
      const failed = new Set<string>();
      inbox.onReceive = ({ id }) => {
        if (failed.has(id)) return;
        failed.add(id);
        throw new Error("once");
      };
      assert.equal(await within(deadline, b.adapter.adopt(dead.name, inbox.receive), "adoption"), 6);
      assert.equal(inbox.messages.length, 6);
    });

    it("finds nothing where there was no such node", async () => {
      const a = await start();
      assert.equal(await within(deadline, a.adapter.adopt(randomUUID(), a.inbox.receive), "adoption"), 0);
    });
  });

  describe("a broker that is lost", () => {
    before(function () {
      if (!kit.breakBroker) this.skip();
    });
    const { lose, restore } = {
      lose: () => kit.breakBroker?.lose() as Promise<void>,
      restore: () => kit.breakBroker?.restore() as Promise<void>,
    };
    afterEach(() => kit.breakBroker?.restore());

    /** Until the adapter has told so. */
    async function state(node: TestNode, wanted: string): Promise<void> {
      const look = async () => {
        while (node.states.at(-1) !== wanted) await new Promise((resolve) => setTimeout(resolve, 5));
      };
      await within(deadline, look(), `state ${wanted}`);
    }

    it("is told, and told again when it is back; then messages arrive as before", async () => {
      const [a, b] = await startAll(2);
      await send(a, b, "before");
      await heard(b, 1);
      await lose();
      await Promise.all([state(a, "down"), state(b, "down")]);
      await restore();
      await Promise.all([state(a, "up"), state(b, "up")]);
      await send(a, b, "after");
      await b.inbox.until(() => b.inbox.texts.includes("after"), "the message", deadline);
    });

    it("takes no message without keeping it: a send rejects, or what it sent arrives", async () => {
      const [a, b] = await startAll(2);
      await lose();
      await state(a, "down");
      const settled = Promise.allSettled(
        ["1", "2", "3"].map((text) => a.adapter.send(b.name, "k", Buffer.from(text))),
      );
      // Some adapters wait for the broker before they give up.
      const early = await Promise.race([settled.then(() => true), state(a, "down").then(() => false)]);
      if (!early) await restore();
      const results = await within(deadline, settled, "sends");
      await restore();
      await Promise.all([state(a, "up"), state(b, "up")]);
      const accepted = results.filter(({ status }) => status === "fulfilled").length;
      await b.inbox.until(() => new Set(b.inbox.texts).size >= accepted, "what was accepted", deadline);
    });

    it("keeps what it had taken", async () => {
      const [a, b] = await startAll(2);
      const gate = new Gate();
      b.inbox.onReceive = () => gate.opened;
      const texts = Array.from({ length: 20 }, (_, i) => String(i));
      for (const text of texts) await send(a, b, text);
      await lose();
      await state(b, "down");
      gate.open();
      await restore();
      await state(b, "up");
      await b.inbox.until(() => new Set(b.inbox.texts).size === 20, "all of them", deadline);
      // One may have come twice, since its acknowledgement was lost; but none overtakes another.
      assert.deepEqual([...new Set(b.inbox.texts)], texts);
    });

    it("can be stopped in", async () => {
      const a = await start();
      await lose();
      await state(a, "down");
      await within(deadline, a.adapter.stop(), "stop");
    });
  });
}
