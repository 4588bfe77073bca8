import { strict as assert } from "node:assert";
import { setTimeout as pause } from "node:timers/promises";
import type { Element } from "../../src/xml/element.js";
import { type CuttableBroker, cuttableBroker } from "../support/cuttable-broker.js";
import type { CuttableProxy } from "../support/cuttable-proxy.js";
import { emptyDatabase } from "../support/databases.js";
import { ClusterProcess } from "./cluster-process.js";
import { DOMAIN, PASSWORD } from "./place.js";
import { seeded } from "./run.js";
import { message, WireConnection } from "./wire-client.js";

const PEOPLE = ["romeo", "mercutio", "nurse", "peter", "juliet", "benvolio"];
/** ms without a byte going out, after which a sender counts as held back. */
const HELD = 1000;
/** Bytes that the sender keeps ready for a server that reads. */
const READY = 256 * 1024;
/** Bytes that a node may grow by, whatever is sent. */
const GROWTH = 300 * 1024 ** 2;

/** ms that two on one node may wait for each other's words while others have trouble. */
const PROMPT = 2000;

const isMessage = (element: Element) => element.is("message") && element.attrs.type !== "error";
const isError = (element: Element) => element.is("message") && element.attrs.type === "error";

/** Two nodes, each a process, and what is between them. */
class Verona {
  private constructor(
    readonly cluster: ClusterProcess,
    readonly proxy: CuttableProxy,
  ) {}

  static async open(
    url: string,
    { adapter, options, proxy }: CuttableBroker,
    deadAfter: string,
  ): Promise<Verona> {
    const settings = { adapter, options, beat: "200ms", deadAfter };
    const cluster = await ClusterProcess.create(2, url, settings, seeded(1));
    const verona = new Verona(cluster, proxy);
    try {
      await cluster.addAccounts(PEOPLE, PASSWORD);
      await cluster.start();
      return verona;
    } catch (error) {
      await verona.close();
      throw error;
    }
  }

  get nodes() {
    return this.cluster.nodes;
  }

  /** Whom each node knows, itself included. */
  async members(): Promise<string[][]> {
    const statuses = await this.cluster.statuses();
    return statuses.map(({ node, nodes }) => [node, ...nodes.map((one) => one.node)]);
  }

  async close(): Promise<void> {
    await this.cluster.remove();
    await this.proxy.close();
  }

  /** Available on a node, with nothing that has to be acknowledged. */
  async comeIn(name: string, node: number): Promise<Person> {
    const wire = await WireConnection.open(this.nodes[node].port as number);
    assert(wire && (await wire.login(name, DOMAIN, PASSWORD)));
    assert(await wire.bindResource("here"));
    const person = new Person(name, wire);
    wire.write("<presence/>");
    await wire.next((element) => element.is("presence"));
    return person;
  }
}

class Person {
  /** The bodies of what came. */
  readonly heard: string[] = [];
  readonly errors: Element[] = [];
  #watchers: (() => void)[] = [];

  constructor(
    readonly name: string,
    readonly wire: WireConnection,
  ) {
    wire.onElement = (element) => {
      if (isMessage(element)) this.heard.push(element.getChildText("body") ?? "");
      if (isError(element)) this.errors.push(element);
      // As every client does.
      if (element.is("iq") && element.attrs.type === "get")
        wire.write(`<iq type='result' id='${element.attrs.id}' to='${element.attrs.from}'/>`);
      for (const tell of this.#watchers.splice(0)) tell();
    };
  }

  say(to: Person, body: string): void {
    this.wire.write(message(`${to.name}@${DOMAIN}`, body, body));
  }

  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  hears(body: string): Promise<void> {
    return this.until(() => this.heard.includes(body));
  }
}

/** Sends without a pause, as fast as it is read, until it is told to stop by an error. */
async function flood(from: Person, to: Person): Promise<{ sent: number; held: boolean }> {
  let sent = 0;
  let held = false;
  let last = { unsent: -1, at: 0 };
  while (from.errors.length === 0) {
    const { unsent } = from.wire;
    if (unsent !== last.unsent) last = { unsent, at: Date.now() };
    else if (unsent > 0 && Date.now() - last.at > HELD) held = true;
    while (from.wire.unsent < READY) {
      from.say(to, String(sent));
      sent += 1;
    }
    await pause(1);
  }
  return { sent, held };
}

/** Two on one node talk all the while. @returns the longest that one of them waited for the other, ms */
function chat(one: Person, other: Person): { stop: () => Promise<number> } {
  let going = true;
  const talk = async () => {
    let longest = 0;
    for (let i = 0; going; i++) {
      const began = performance.now();
      one.say(other, `local ${i}`);
      await other.hears(`local ${i}`);
      longest = Math.max(longest, performance.now() - began);
      other.heard.length = 0;
      await pause(20);
    }
    return longest;
  };
  const talking = talk();
  return {
    stop: () => {
      going = false;
      return talking;
    },
  };
}

/** From one node to the other, before anything happens. */
async function reaches(from: Person, to: Person): Promise<void> {
  from.say(to, "are you there?");
  await to.hears("are you there?");
  to.heard.length = 0;
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

function assertResourceConstraint(error: Element): void {
  const condition = error.getChild("error");
  assert.equal(condition?.attrs.type, "wait", String(error));
  assert.ok(condition?.getChild("resource-constraint"), String(error));
}

describe("A node that stands still", function () {
  this.timeout(90_000);
  let verona: Verona;

  before(async function () {
    const url = await emptyDatabase(this, "postgres");
    verona = await Verona.open(url, await cuttableBroker(this, "rabbitmq"), "60s");
  });
  after(() => verona?.close());

  it("has those read more slowly who send it too much, and then told; nobody else is disturbed", async () => {
    const [romeo, mercutio] = [await verona.comeIn("romeo", 0), await verona.comeIn("mercutio", 0)];
    const [nurse, peter] = [await verona.comeIn("nurse", 0), await verona.comeIn("peter", 0)];
    const [juliet, benvolio] = [await verona.comeIn("juliet", 1), await verona.comeIn("benvolio", 1)];
    await reaches(romeo, juliet);
    const [here, there] = verona.nodes;
    const before = here.memory ?? 0;
    there.signal("SIGSTOP");
    const talk = chat(nurse, peter);
    const { sent, held } = await flood(romeo, juliet);
    assert.ok(held, `${sent} were read without a pause`);
    assertResourceConstraint(romeo.errors[0]);
    assert.ok((here.memory ?? 0) - before < GROWTH);
    // Who sends little has it kept.
    mercutio.say(benvolio, "come, shall we go?");
    assert.ok((await talk.stop()) < PROMPT);
    there.signal("SIGCONT");
    await benvolio.hears("come, shall we go?");
    assert.deepEqual(mercutio.errors, []);
    assert.ok(juliet.heard.length > 0);
    assert.deepEqual(juliet.heard, numbers(juliet.heard.length));
  });
});

for (const adapter of ["rabbitmq", "kafka"] as const) {
  describe(`A broker that is away for long (${adapter})`, function () {
    this.timeout(90_000);
    const DEAD_AFTER = 1000;
    let verona: Verona;

    before(async function () {
      const url = await emptyDatabase(this, "postgres");
      verona = await Verona.open(url, await cuttableBroker(this, adapter), `${DEAD_AFTER}ms`);
    });
    after(() => verona?.close());

    it("delays what is for another node, and nothing else", async () => {
      const [romeo, juliet] = [await verona.comeIn("romeo", 0), await verona.comeIn("juliet", 1)];
      const [nurse, peter] = [await verona.comeIn("nurse", 0), await verona.comeIn("peter", 0)];
      const [mercutio, benvolio] = [await verona.comeIn("mercutio", 1), await verona.comeIn("benvolio", 1)];
      await reaches(romeo, juliet);
      const members = await verona.members();
      const before = verona.nodes.map(({ memory = 0 }) => memory);
      verona.proxy.cut();
      const began = Date.now();
      const talks = [chat(nurse, peter), chat(mercutio, benvolio)];
      let sent = 0;
      for (; Date.now() - began < 4 * DEAD_AFTER; sent++) {
        romeo.say(juliet, String(sent));
        await pause(5);
      }
      for (const longest of await Promise.all(talks.map((talk) => talk.stop()))) assert.ok(longest < PROMPT);
      assert.deepEqual(juliet.heard, []);
      for (const [i, { memory = 0 }] of verona.nodes.entries()) assert.ok(memory - before[i] < GROWTH / 3);
      verona.proxy.heal();
      romeo.say(juliet, String(sent));
      await juliet.hears(String(sent));
      assert.deepEqual(juliet.heard, numbers(sent + 1));
      assert.deepEqual(romeo.errors, []);
      // Nobody was taken for dead, which would have joined anew under another name.
      assert.deepEqual(await verona.members(), members);
    });

    // What bounds it is the same over any broker.
    if (adapter === "kafka") return;

    it("has those told in the end who go on sending without a pause, and keeps what others send", async () => {
      const [romeo, juliet] = [await verona.comeIn("romeo", 0), await verona.comeIn("juliet", 1)];
      const [mercutio, benvolio] = [await verona.comeIn("mercutio", 0), await verona.comeIn("benvolio", 1)];
      await reaches(romeo, juliet);
      const [{ memory: before = 0 }] = verona.nodes;
      verona.proxy.cut();
      await flood(romeo, juliet);
      assertResourceConstraint(romeo.errors[0]);
      const [{ memory = 0 }] = verona.nodes;
      assert.ok(memory - before < GROWTH);
      mercutio.say(benvolio, "where the devil should this Romeo be?");
      verona.proxy.heal();
      await benvolio.hears("where the devil should this Romeo be?");
      assert.deepEqual(mercutio.errors, []);
    });
  });
}
