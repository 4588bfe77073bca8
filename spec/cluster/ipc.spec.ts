import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ClusterMessage, MIN_MESSAGE_SIZE, type Receive } from "../../src/cluster/adapter.js";
import { Folder } from "../../src/cluster/adapters/ipc/folder.js";
import { type IpcOptions, ipcOptions } from "../../src/cluster/adapters/ipc/options.js";
import { IpcAdapter } from "../../src/cluster/adapters/ipc.js";
import { adapterSuite } from "./adapter.suite.js";
import type { Command, News } from "./ipc-node.js";

const silent = { info: () => undefined, warn: () => undefined };
const CHILD = fileURLToPath(new URL("./ipc-node.js", import.meta.url));

describe("the cluster adapter for processes of one machine", () => {
  adapterSuite(async () => {
    const root = await mkdtemp(join(tmpdir(), "ipc-"));
    const options = { inFlight: 16, retryDelay: 1, leaveTimeout: 300 };
    return {
      make: (deployment) =>
        new IpcAdapter(ipcOptions.parse({ ...options, folder: join(root, deployment) }), silent),
      crash: (adapter) => (adapter as IpcAdapter).crash(),
      leftovers: async (deployment) =>
        (await readdir(join(root, deployment))).filter((name) => name !== "dead-letters"),
      inFlight: 16,
      close: () => rm(root, { recursive: true, force: true }),
    };
  });

  describe("of nodes here and in other processes", () => {
    let root: string;
    let folder: string;
    let adapters: IpcAdapter[];
    let children: Child[];

    beforeEach(async () => {
      root = await mkdtemp(join(tmpdir(), "ipc-"));
      folder = root;
      adapters = [];
      children = [];
    });
    afterEach(async () => {
      for (const child of children) await child.kill();
      await Promise.all(adapters.map((adapter) => adapter.stop()));
      await rm(root, { recursive: true });
    });

    const nobody = async () => undefined;

    async function start(name: string, receive: Receive = nobody, options: Partial<IpcOptions> = {}) {
      const own = { folder, patience: 200, leaveTimeout: 300, retryDelay: 1, ...options };
      const adapter = new IpcAdapter(ipcOptions.parse(own), silent);
      await adapter.start(name, receive, () => undefined);
      adapters.push(adapter);
      return adapter;
    }

    async function launch(name: string): Promise<Child> {
      const child = new Child(folder, name);
      children.push(child);
      await child.until(() => child.news.some(({ is }) => is === "up"));
      return child;
    }

    const sendAll = (from: IpcAdapter, to: string, count: number, first = 0) =>
      Promise.all(
        Array.from({ length: count }, (_, i) =>
          from.send(to, `key ${(first + i) % 3}`, Buffer.from(String(first + i))),
        ),
      );

    /** Each text once, and those of each key in order. */
    function assertAll(heard: readonly { key: string; text: string }[], count: number): void {
      const texts = heard.map(({ text }) => Number(text));
      assert.deepEqual(
        texts.toSorted((a, b) => a - b),
        Array.from({ length: count }, (_, i) => i),
      );
      for (const rest of [0, 1, 2]) {
        const lane = texts.filter((text) => text % 3 === rest);
        assert.deepEqual(
          lane,
          lane.toSorted((a, b) => a - b),
        );
      }
    }

    it("hear of what was received by one that is about to stop", async () => {
      for (let round = 0; round < 10; round++) {
        const heard: string[] = [];
        const a = await start(`a${round}`);
        const b = await start(`b${round}`, async ({ body }) => void heard.push(Buffer.from(body).toString()));
        await a.send(`b${round}`, "", Buffer.from("before"));
        const [, sent] = await Promise.allSettled([b.stop(), a.send(`b${round}`, "", Buffer.from("last"))]);
        assert.deepEqual([sent.status, heard], ["fulfilled", ["before", "last"]]);
      }
    });

    it("gives the heir what a killed process had not received, and what was sent to it after", async () => {
      const heard: { key: string; text: string }[] = [];
      const keep = async ({ key, body }: ClusterMessage) => {
        heard.push({ key, text: Buffer.from(body).toString() });
      };
      const [a, b, victim] = [await start("a"), await start("b"), await launch("victim")];
      await victim.tell({ do: "hold" });
      await sendAll(a, "victim", 300);
      await victim.until(() => victim.is("begun").length > 0);
      await victim.kill();
      await sendAll(a, "victim", 30, 300);
      const counts = await Promise.all([a.adopt("victim", keep), b.adopt("victim", keep)]);
      assert.deepEqual(
        counts.toSorted((x, y) => x - y),
        [0, 330],
      );
      assertAll(heard, 330);
      await assert.rejects(a.send("victim", "k", Buffer.alloc(0)));
      assert.deepEqual((await readdir(folder)).sort(), ["a.sock", "b.sock"]);
    });

    it("loses nothing when the heir is killed as well", async () => {
      const heard: { key: string; text: string }[] = [];
      const keep = async ({ key, body }: ClusterMessage) => {
        heard.push({ key, text: Buffer.from(body).toString() });
      };
      const [a, victim, heir] = [await start("a"), await launch("victim"), await launch("heir")];
      for (const child of [victim, heir]) await child.tell({ do: "hold" });
      await sendAll(a, "victim", 200);
      await victim.kill();
      await heir.tell({ do: "adopt", dead: "victim" });
      await heir.until(() => heir.is("begun").length > 0);
      const second = a.adopt("victim", keep);
      await heir.kill();
      assert.equal(await a.adopt("heir", keep), 200);
      assert.equal(await second, 0);
      assertAll(heard, 200);
      assert.deepEqual(await readdir(folder), ["a.sock"]);
    });

    it("has another heir when the first was killed before it had all", async () => {
      const heard: { key: string; text: string }[] = [];
      const keep = async ({ key, body }: ClusterMessage) => {
        heard.push({ key, text: Buffer.from(body).toString() });
      };
      const names = ["a", "victim", "heir", "sleeper"];
      const a = await start(names[0]);
      const [victim, heir, sleeper] = [
        await launch(names[1]),
        await launch(names[2]),
        await launch(names[3]),
      ];
      await victim.tell({ do: "hold" });
      await sendAll(a, "victim", 50);
      await victim.kill();
      // The heir waits for what this one keeps.
      sleeper.signal("SIGSTOP");
      await heir.tell({ do: "hold" });
      await heir.tell({ do: "adopt", dead: "victim" });
      await heir.until(() => heir.is("begun").length > 0);
      await heir.kill();
      const adopted = [a.adopt("heir", keep), a.adopt("victim", keep)];
      sleeper.signal("SIGCONT");
      assert.deepEqual(await Promise.all(adopted), [50, 0]);
      assertAll(heard, 50);
      assert.deepEqual((await readdir(folder)).sort(), ["a.sock", "sleeper.sock"]);
    });

    it("keeps itself what a node is sent that does not answer, and tells the node that it was adopted", async () => {
      const heard: { key: string; text: string }[] = [];
      const keep = async ({ key, body }: ClusterMessage) => {
        heard.push({ key, text: Buffer.from(body).toString() });
      };
      const [a, sleeper] = [await start("a"), await launch("sleeper")];
      await sleeper.tell({ do: "send", to: "a", text: "awake" });
      await sleeper.until(() => sleeper.is("sent").length === 1);
      sleeper.signal("SIGSTOP");
      await sendAll(a, "sleeper", 20);
      // The patience is had once: with each of these it would take longer than this test may.
      for (let i = 20; i < 140; i++) await sendAll(a, "sleeper", 1, i);
      assert.equal(await a.adopt("sleeper", keep), 140);
      assertAll(heard, 140);
      sleeper.signal("SIGCONT");
      await sleeper.until(() => sleeper.is("gone").length === 1);
      await sleeper.tell({ do: "send", to: "a", text: "still awake" });
      await sleeper.until(() => sleeper.is("refused").length === 1);
    });

    it("loses and doubles nothing that was acknowledged while one process after the other is killed", async function () {
      this.timeout(20_000);
      const adopted: { key: string; text: string }[] = [];
      const keep = async ({ key, body }: ClusterMessage) => {
        adopted.push({ key, text: Buffer.from(body).toString() });
      };
      const a = await start("a");
      for (let round = 0; round < 5; round++) {
        adopted.length = 0;
        const victim = await launch(`victim-${round}`);
        let count = 0;
        // In the midst of it, and not at the end: some are being received, some are on their way.
        while (victim.is("heard").length < 100) {
          await sendAll(a, victim.name, 50, count);
          count += 50;
        }
        await victim.kill();
        await a.adopt(victim.name, keep);
        const heard = victim.is("heard") as { key: string; text: string }[];
        const known = new Set(heard.map(({ text }) => text));
        // One may have been received whose sender was not told any more.
        const again = adopted.filter(({ text }) => known.has(text));
        assert.ok(again.length <= 64 + 50, `${again.length} twice`);
        assertAll([...heard, ...adopted.filter(({ text }) => !known.has(text))], count);
      }
    });

    it("sends again what was on its way when a connection broke, once and in order", async () => {
      const heard: { key: string; text: string }[] = [];
      let cut: (() => void) | undefined;
      const a = await start("a", nobody, { leaveTimeout: 60_000 });
      await start("b", async ({ key, body }) => {
        heard.push({ key, text: Buffer.from(body).toString() });
        if (heard.length % 100 === 0) cut?.();
        if (heard.length % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      });
      const way = join(folder, "b.sock");
      await rename(way, join(folder, "b"));
      const links = new Set<Socket>();
      let cuts = 0;
      cut = () => {
        cuts += links.size;
        for (const link of links) link.destroy();
      };
      const proxy = createServer((socket) => {
        const onward = connect(join(folder, "b"));
        links.add(socket);
        socket.pipe(onward).pipe(socket);
        socket.on("error", () => onward.destroy()).on("close", () => onward.destroy());
        onward.on("error", () => socket.destroy());
        socket.on("close", () => links.delete(socket));
      }).listen(way);
      await once(proxy, "listening");
      for (let first = 0; first < 1000; first += 50) await sendAll(a, "b", 50, first);
      while (heard.length < 1000) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(cuts >= 5, `${cuts} cuts`);
      assertAll(heard, 1000);
      cut = undefined;
      // It waits until all it has sent is known to be received, although some acknowledgements were lost.
      await a.stop();
      await Promise.all(adapters.splice(0).map((adapter) => adapter.stop()));
      await rm(way, { force: true });
      proxy.close();
    });

    it("is known to those who came while it did not answer", async () => {
      const sleeper = await launch("sleeper");
      sleeper.signal("SIGSTOP");
      const a = await start("a");
      sleeper.signal("SIGCONT");
      while (sleeper.is("heard").length === 0) {
        await a.send("*", "k", Buffer.from("good morning"));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });

    it("refuses what is too much for a node that does not receive, in messages and in bytes, and what is too large", async () => {
      const options = { queue: 3, queueSize: 2_500_000, maxMessageSize: MIN_MESSAGE_SIZE };
      let free!: () => void;
      const freed = new Promise<void>((resolve) => {
        free = resolve;
      });
      const [a] = [await start("a", nobody, options), await start("b", () => freed)];
      await start("c", () => freed);
      for (const key of ["1", "2", "3"]) await a.send("b", key, Buffer.alloc(10));
      await assert.rejects(a.send("b", "4", Buffer.alloc(10)), /too much waits for b/);
      await assert.rejects(a.send("*", "4", Buffer.alloc(10)), /too much waits for b/);
      for (const key of ["1", "2"]) await a.send("c", key, Buffer.alloc(1_000_000));
      await assert.rejects(a.send("c", "3", Buffer.alloc(1_000_000)), /too much waits for c/);
      await assert.rejects(a.send("c", "4", Buffer.alloc(MIN_MESSAGE_SIZE + 1)), /too large/);
      free();
    });

    it("takes any name for a node, and any path for a folder", async () => {
      folder = join(folder, "a-long-name-".repeat(12));
      const names = ["A", "a", "../../x", "*.sock", "n".repeat(300), "knoten ä\n", "_1"];
      const heard: string[] = [];
      const nodes = await Promise.all(
        names.map((name) =>
          start(name, async ({ from }) => {
            heard.push(`${from} to ${name}`);
          }),
        ),
      );
      for (const name of names) await nodes[0].send(name, "k", Buffer.alloc(0));
      await nodes[1].send("*", "k", Buffer.alloc(0));
      await Promise.all(nodes.map((node) => node.stop()));
      const expected = names.map((name) => `A to ${name}`);
      for (const name of names) if (name !== "a") expected.push(`a to ${name}`);
      assert.deepEqual(heard.sort(), expected.sort());
      const elsewhere = new Folder(folder).socket("a");
      assert.ok(elsewhere.length < 107, elsewhere);
      await rm(dirname(elsewhere), { recursive: true });
    });

    it("lets nobody else into its folder", async () => {
      folder = join(folder, "own");
      await mkdir(folder, { mode: 0o755 });
      await start("a");
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
      assert.equal((await stat(join(folder, "a.sock"))).mode & 0o777, 0o600);
    });

    it("refuses a second node of the same name, and a second start", async () => {
      const a = await start("a");
      await assert.rejects(start("a"), /there already/);
      await assert.rejects(a.start("b", nobody, () => undefined));
      const b = await start("b");
      await b.send("a", "k", Buffer.alloc(0));
      assert.deepEqual((await readdir(folder)).sort(), ["a.sock", "b.sock"]);
    });

    it("begins anew where all nodes were killed", async () => {
      const [one, two] = [await launch("one"), await launch("two")];
      for (const child of [one, two]) await child.kill();
      assert.deepEqual((await readdir(folder)).sort(), ["one.sock", "two.sock"]);
      await start("three");
      assert.deepEqual(await readdir(folder), ["three.sock"]);
    });

    it("keeps the latest dead letters, not all", async () => {
      const refuse = async () => {
        throw "not even an Error";
      };
      const a = await start("a", refuse, { attempts: 1, deadLetters: 2 });
      for (const key of ["1", "2", "3"]) await a.send("a", key, Buffer.from(key));
      let letters = await a.deadLetters(10);
      while (letters.at(-1)?.key !== "3") letters = await a.deadLetters(10);
      assert.deepEqual(
        letters.map(({ key, reason }) => [key, reason]),
        [
          ["2", "not even an Error"],
          ["3", "not even an Error"],
        ],
      );
    });
  });
});

/** A node in a process of its own. */
class Child {
  readonly news: News[] = [];
  readonly #process: ChildProcess;
  #look: () => void = () => undefined;

  constructor(
    folder: string,
    readonly name: string,
  ) {
    this.#process = fork(CHILD, [folder, name]);
    this.#process.on("message", (news: News) => {
      this.news.push(news);
      this.#look();
    });
  }

  is(what: News["is"]): News[] {
    return this.news.filter(({ is }) => is === what);
  }

  tell(command: Command): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#process.send(command, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Mocha's deadline is its deadline. */
  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#look = () => {
        if (condition()) resolve();
      };
      this.#look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Resolves when all that it had said is heard. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const closed = once(this.#process, "close");
    const silent = once(this.#process, "disconnect");
    this.#process.kill("SIGKILL");
    await Promise.all([closed, silent]);
  }
}
