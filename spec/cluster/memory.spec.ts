import assert from "node:assert/strict";
import { MemoryAdapter } from "../../src/cluster/adapters/memory.js";
import { MemoryBus } from "../../src/cluster/adapters/memory-bus.js";
import { adapterSuite } from "./adapter.suite.js";

describe("the cluster adapter in memory", () => {
  const buses = new Map<string, MemoryBus>();

  function busOf(deployment: string): MemoryBus {
    let bus = buses.get(deployment);
    if (!bus) {
      bus = new MemoryBus({ inFlight: 16, retry: 1 });
      buses.set(deployment, bus);
    }
    return bus;
  }

  adapterSuite(async () => ({
    make: (deployment) => new MemoryAdapter(busOf(deployment)),
    crash: async (_adapter, node) => {
      for (const bus of buses.values()) bus.crash(node);
    },
    leftovers: async (deployment) => [...busOf(deployment).nodes],
    inFlight: 16,
    breakBroker: {
      lose: async () => {
        for (const bus of buses.values()) bus.lose(new Error("unplugged"));
      },
      restore: async () => {
        for (const bus of buses.values()) bus.restore();
      },
    },
  }));

  const nobody = async () => undefined;
  const silent = () => undefined;

  it("refuses a second node of the same name, and a second start", async () => {
    const bus = new MemoryBus();
    const first = new MemoryAdapter(bus);
    await first.start("a", nobody, silent);
    await assert.rejects(new MemoryAdapter(bus).start("a", nobody, silent));
    await assert.rejects(first.start("b", nobody, silent));
    assert.deepEqual(bus.nodes, ["a"]);
    await first.stop();
    await assert.rejects(first.start("a", nobody, silent));
  });

  it("refuses messages to a node for which too many wait, and those to all where one of them is such", async () => {
    const bus = new MemoryBus({ capacity: 2 });
    const [a, b, c] = ["a", "b", "c"].map(() => new MemoryAdapter(bus));
    let letGo!: () => void;
    const gate = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const heard: string[] = [];
    await a.start("a", nobody, silent);
    await b.start("b", () => gate, silent);
    await c.start("c", async ({ key }) => void heard.push(key), silent);
    for (const key of ["1", "2"]) await a.send("b", key, Buffer.alloc(0));
    await assert.rejects(a.send("b", "3", Buffer.alloc(0)));
    await assert.rejects(a.send("*", "3", Buffer.alloc(0)));
    letGo();
    await Promise.all([a.stop(), b.stop()]);
    await c.stop();
    assert.deepEqual(heard, []);
  });

  it("keeps the latest dead letters, not all", async () => {
    const bus = new MemoryBus({ attempts: 1, deadLetters: 2 });
    const a = new MemoryAdapter(bus);
    const refuse = async () => {
      throw "not even an Error";
    };
    await a.start("a", refuse, silent);
    for (const key of ["1", "2", "3"]) await a.send("a", key, Buffer.alloc(0));
    await a.stop();
    assert.deepEqual(
      bus.deadLetters.map(({ to, key, reason }) => [to, key, reason]),
      [
        ["a", "2", "not even an Error"],
        ["a", "3", "not even an Error"],
      ],
    );
  });

  it("gives each node bytes of its own", async () => {
    const bus = new MemoryBus();
    const seen: number[] = [];
    const spoil = async ({ body }: { body: Uint8Array }) => {
      seen.push(body[0]);
      body[0] = 9;
    };
    const [a, b, c] = ["a", "b", "c"].map(() => new MemoryAdapter(bus));
    await a.start("a", nobody, silent);
    await b.start("b", spoil, silent);
    await c.start("c", spoil, silent);
    await a.send("*", "k", Uint8Array.of(1));
    await Promise.all([a, b, c].map((one) => one.stop()));
    assert.deepEqual(seen, [1, 1]);
  });

  it("keeps a mailbox whose node stops while the bus is lost, for another to adopt", async () => {
    const bus = new MemoryBus();
    const [a, b] = ["a", "b"].map(() => new MemoryAdapter(bus));
    await a.start("a", nobody, silent);
    await b.start("b", nobody, silent);
    await a.send("b", "k", Buffer.alloc(0));
    bus.lose(new Error("unplugged"));
    await b.stop();
    bus.restore();
    const heard: string[] = [];
    assert.equal(await a.adopt("b", async ({ key }) => void heard.push(key)), 1);
    assert.deepEqual(heard, ["k"]);
    await a.stop();
    assert.deepEqual(bus.nodes, []);
  });
});
