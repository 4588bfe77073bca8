import assert from "node:assert/strict";
import type { ClusterStatus } from "../../src/admin/cluster-commands.js";
import { MemoryAdapter } from "../../src/cluster/adapters/memory.js";
import { MemoryBus } from "../../src/cluster/adapters/memory-bus.js";
import type { Element } from "../../src/xml/element.js";
import { Jid } from "../../src/xmpp/jid.js";
import { TestCluster } from "../support/cluster.js";
import { emptyDatabase } from "../support/databases.js";
import { chat, conditionOf, NS_SM, RawClient } from "../support/raw-client.js";
import { startTestServer } from "../support/server.js";

/** ms that a node has to hand its sessions over: more than it needs. */
const TIME = 8000;

/** Comes back to the other node, as a client with two SRV records does, whenever its connection breaks. */
class Wanderer {
  /** Bodies, in the order in which they came. */
  readonly got: string[] = [];
  readonly nodes: number[] = [];
  #client!: RawClient;
  #id = "";
  /** Stanzas that came. */
  #handled = 0;
  /** What was sent and not acknowledged yet, with the number of stanzas before it. */
  #unacked: string[] = [];
  #acked = 0;
  #moving: Promise<void> | undefined;
  #over = false;
  #isOnline = false;

  constructor(
    private readonly ports: readonly number[],
    private readonly domain: string,
    private readonly name: string,
  ) {}

  async begin(node: number): Promise<void> {
    await this.#open(node);
    await this.#client.bind("spec");
    this.#id = await this.#client.enable();
    this.#listen();
    this.#isOnline = true;
    this.send("<presence/>");
  }

  /** It is kept until the server has acknowledged it. */
  send(stanza: string): void {
    this.#unacked.push(stanza);
    if (this.#isOnline) this.#client.write(`${stanza}<r xmlns='${NS_SM}'/>`);
  }

  async until(done: () => boolean): Promise<void> {
    const deadline = Date.now() + 15_000;
    while (!done()) {
      if (Date.now() > deadline)
        throw new Error(`${this.name} got ${this.got.length}: ${this.got.slice(-5)}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  get allAcknowledged(): boolean {
    return this.#unacked.length === 0;
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#client?.drop();
    await this.#moving;
  }

  async #open(node: number): Promise<void> {
    this.#client = await RawClient.open(this.ports[node]);
    this.nodes.push(node);
    await this.#client.login(this.name, this.domain, "secret");
  }

  #listen(): void {
    const client = this.#client;
    // What came before this was listened to waits in the mailbox.
    client.onElement = (element) => this.#hear(element);
    void client.closed.then(() => {
      this.#isOnline = false;
      if (!this.#over) this.#moving = this.#move();
    });
  }

  #hear(element: Element): void {
    if (element.is("r")) this.#client.write(`<a xmlns='${NS_SM}' h='${this.#handled}'/>`);
    else if (element.is("a")) this.#acknowledged(Number(element.attrs.h));
    else if (["message", "presence", "iq"].includes(element.name)) {
      this.#handled += 1;
      if (element.is("message")) this.got.push(element.getChildText("body") ?? element.toString());
    }
  }

  #acknowledged(h: number): void {
    this.#unacked.splice(0, h - this.#acked);
    this.#acked = h;
  }

  async #move(): Promise<void> {
    const next = (this.nodes[this.nodes.length - 1] + 1) % this.ports.length;
    await this.#open(next);
    this.#listen();
    const answer = await this.#client.resume(this.#id, this.#handled);
    if (!answer.is("resumed")) throw new Error(answer.toString());
    this.#acknowledged(Number(answer.attrs.h));
    for (const stanza of this.#unacked) this.#client.write(stanza);
    this.#isOnline = true;
    this.#client.write(`<r xmlns='${NS_SM}'/>`);
  }
}

describe("Draining a node", function () {
  this.timeout(40_000);
  let cluster: TestCluster;
  let clients: { drop(): Promise<void> }[];
  let wanderers: Wanderer[];
  const domain = () => cluster.nodes[0].domain;
  const address = (name: string) => `${name}@${domain()}`;

  async function start(context: Mocha.Context, count: number, addresses = true): Promise<void> {
    const bus = new MemoryBus();
    clients = [];
    wanderers = [];
    const url = await emptyDatabase(context, "postgres");
    cluster = await TestCluster.start(count, url, () => new MemoryAdapter(bus), {
      log: { level: "error" },
      ...(addresses && { cluster: { address: "chat2.example.org:5222" } }),
    });
    for (const name of ["romeo", "juliet"])
      await cluster.nodes[0].createAccount(Jid.of(name, domain()), "secret");
  }
  afterEach(async () => {
    for (const wanderer of wanderers) await wanderer.end();
    for (const client of clients) await client.drop();
    await cluster?.stop();
  });

  async function login(name: string, node: number): Promise<RawClient> {
    const client = await RawClient.open(cluster.nodes[node].port);
    clients.push(client);
    await client.login(name, domain(), "secret");
    await client.bind("spec");
    client.write("<presence/>");
    await client.named("presence");
    return client;
  }

  async function wander(name: string, node: number): Promise<Wanderer> {
    const ports = cluster.nodes.map(({ port }) => port);
    const wanderer = new Wanderer(ports, domain(), name);
    wanderers.push(wanderer);
    await wanderer.begin(node);
    return wanderer;
  }

  it("is not noticed by clients that resume: while messages flow, none is lost, doubled or out of order", async function () {
    await start(this, 2);
    const romeo = await wander("romeo", 0);
    const juliet = await wander("juliet", 0);
    const COUNT = 600;
    const talk = async (from: Wanderer, to: string) => {
      for (let n = 1; n <= COUNT; n++) {
        from.send(chat(address(to), `${to}-${n}`, String(n)));
        if (n % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const talking = Promise.all([talk(romeo, "juliet"), talk(juliet, "romeo")]);
    await romeo.until(() => romeo.got.length > 50 && juliet.got.length > 50);
    const { server } = cluster.nodes[0];
    await server.drain(TIME);
    assert.equal(server.registry.size, 0);
    await server.stop();
    await talking;
    const all = Array.from({ length: COUNT }, (_, index) => String(index + 1));
    for (const one of [romeo, juliet]) {
      await one.until(() => one.got.length >= COUNT && one.allAcknowledged);
      assert.deepEqual(one.got, all);
      assert.deepEqual(one.nodes, [0, 1]);
    }
  });

  it("gives what was sent and not acknowledged before the node was gone to the recipient's next session", async function () {
    await start(this, 2);
    const juliet = await login("juliet", 1);
    await juliet.enable();
    const romeo = await login("romeo", 0);
    for (const id of ["m1", "m2"]) romeo.write(chat(address("juliet"), id));
    for (const id of ["m1", "m2"]) await juliet.withId(id);
    await cluster.nodes[0].server.drain(TIME);
    await cluster.nodes[0].server.stop();
    // It says nothing of m1 and m2, and does not come back.
    juliet.write("</stream:stream>");
    await juliet.closed;
    const again = await login("juliet", 1);
    for (const id of ["m1", "m2"]) await again.withId(id);
  });

  it("ends as soon as the last session has gone", async function () {
    await start(this, 2);
    await login("romeo", 0);
    const began = performance.now();
    await cluster.nodes[0].server.drain(TIME);
    assert.ok(performance.now() - began < TIME / 2);
  });

  it("sends clients that cannot resume to the address of another node", async function () {
    await start(this, 2);
    const romeo = await login("romeo", 0);
    const newcomer = await RawClient.open(cluster.nodes[0].port);
    clients.push(newcomer);
    await newcomer.header(domain());
    await cluster.nodes[0].server.drain(TIME);
    for (const client of [romeo, newcomer]) {
      const error = await client.next((element) => element.name === "stream:error");
      // RFC 6120 §4.9.3.19
      assert.equal(conditionOf(error), "see-other-host");
      assert.equal(error.getChildElements()[0].getText(), "chat2.example.org:5222");
    }
  });

  it("tells them of the shutdown where no other node has an address", async function () {
    await start(this, 2, false);
    const romeo = await login("romeo", 0);
    await cluster.nodes[0].server.drain(TIME);
    assert.equal(await romeo.streamError(), "system-shutdown");
  });

  it("lets nobody in any more", async function () {
    await start(this, 2);
    await (await wander("romeo", 0)).end();
    const draining = cluster.nodes[0].server.drain(1000);
    await assert.rejects(RawClient.open(cluster.nodes[0].port), { code: "ECONNREFUSED" });
    await draining;
  });

  it("waits for a client that does not come back until the time is over, and not longer", async function () {
    await start(this, 2);
    const romeo = await wander("romeo", 0);
    const { server } = cluster.nodes[0];
    await romeo.end();
    const began = performance.now();
    await server.drain(1000);
    const took = performance.now() - began;
    assert.ok(took >= 990 && took < 4000, String(took));
    assert.equal(server.registry.size, 1);
  });

  it("is over at once where the only other node goes, too", async function () {
    await start(this, 2);
    for (const node of [0, 1]) await (await wander("romeo", node)).end();
    const began = performance.now();
    await Promise.all(cluster.nodes.map(({ server }) => server.drain(TIME)));
    assert.ok(performance.now() - began < TIME / 2);
  });

  it("does nothing on a server that is alone", async () => {
    const alone = await startTestServer();
    try {
      await alone.server.drain(TIME);
      const client = await RawClient.open(alone.port);
      await client.header(alone.domain);
      await client.drop();
    } finally {
      await alone.stop();
    }
  });

  it("by an admin's command says how many sessions there are, and has whoever started the server stop it", async function () {
    await start(this, 2);
    await login("romeo", 0);
    const { server } = cluster.nodes[0];
    assert.deepEqual(await server.control({ command: "drain" }), { sessions: 1, time: 30_000 });
    await assert.rejects(server.control({ command: "drain" }), { name: "AdminError" });
    await server.drained;
    const status = (await cluster.nodes[1].server.control({ command: "cluster status" })) as ClusterStatus;
    assert.equal(status.nodes[0].sessions, 0);
  });
});
