import assert from "node:assert/strict";
import { encode, type Item, partsOf } from "../../src/cluster/envelope.js";
import { LINK_DEFAULTS, Link } from "../../src/cluster/link.js";
import { Peer } from "../../src/cluster/peer.js";
import { Reception } from "../../src/cluster/reception.js";
import { silentLog } from "../support/silent-log.js";

const gone = (name: string): Item => ["gone", name];

describe("What another node says", () => {
  let handled: Item[];
  let missed: number;
  let refused: Item[];
  let asideFails: number;
  let said: Item[];
  let reception: Reception;

  beforeEach(() => {
    handled = [];
    missed = 0;
    refused = [];
    asideFails = 0;
    said = [];
    const link = new Link("there", () => new Promise(() => undefined), LINK_DEFAULTS, {
      state: () => undefined,
      anew: () => undefined,
      dealtWith: async () => undefined,
      stuck: () => undefined,
    });
    link.put = (item) => void said.push(item);
    const peer = new Peer("there", link, async () => undefined);
    reception = new Reception({
      heard: () => peer,
      handle: (item) => {
        if (item[0] === "stanza") throw new Error("poison");
        handled.push(item);
      },
      missed: () => {
        missed += 1;
      },
      refused: (item) => void refused.push(item),
      sendSelf: async () => {
        asideFails -= 1;
        if (asideFails >= 0) throw new Error("the broker is away");
      },
      log: silentLog,
    });
  });

  const receive = (n: number, items: Item[], first = false) =>
    reception.receive({
      id: `${n}`,
      from: "there",
      key: "",
      body: encode({ n, items, ...(first && { first: true as const }) }),
    });

  const poison: Item = ["stanza", "<message/>", [], 7, 0, 0];

  it("goes on where it was when something could be neither handled nor set aside at first", async () => {
    asideFails = 2;
    const batch = [gone("a"), poison, gone("b")];
    await assert.rejects(receive(0, batch), /away/);
    await assert.rejects(receive(0, batch), /away/);
    await receive(0, batch);
    assert.deepEqual(handled, [gone("a"), gone("b")]);
    assert.deepEqual(refused, [poison]);
    await receive(0, batch);
    await receive(1, [gone("c")]);
    assert.deepEqual(handled, [gone("a"), gone("b"), gone("c")]);
  });

  it("is put together when it came in parts, over as many batches as it takes", async () => {
    const item = gone(`"${"é".repeat(50)}`);
    const parts = partsOf(item, 10);
    assert.ok(parts.length > 5);
    await receive(0, parts.slice(0, 3));
    await receive(1, parts.slice(3));
    assert.deepEqual(handled, [item]);
  });

  it("is asked for when it is missing, and known to be lost when the other begins anew", async () => {
    await receive(0, partsOf(gone("half of it"), 10).slice(0, 1));
    await receive(2, [gone("too early")]);
    assert.deepEqual(said, [["again", 1]]);
    assert.equal(missed, 0);
    await receive(3, [gone("new")], true);
    await receive(4, partsOf(gone("whole"), 5));
    assert.equal(missed, 1);
    assert.deepEqual(handled, [gone("new"), gone("whole")]);
  });
});
