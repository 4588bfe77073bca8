import assert from "node:assert/strict";
import type { Cluster } from "../../src/cluster/cluster.js";
import type { Answerer } from "../../src/cluster/questions.js";
import { Resumption } from "../../src/cluster/resumption.js";
import type { Binder } from "../../src/session/binder.js";
import type { ClientSession } from "../../src/session/client-session.js";
import type { Account } from "../../src/storage/types.js";
import { StreamError } from "../../src/xmpp/errors.js";
import { Jid } from "../../src/xmpp/jid.js";

/** ms that a client is let wait. */
const PATIENCE = 20;

describe("a session that is resumed on another node", () => {
  const account = { id: 1, jid: Jid.parse("romeo@montague.example") } as Account;
  const session = {} as ClientSession;
  let asked: { node: string; answer: (luggage: unknown) => void; refuse: (why: Error) => void }[];
  let sleeping: ClientSession[];
  let cluster: { isCutOff: boolean };
  let resumption: Resumption;
  let answer: Answerer;

  beforeEach(() => {
    asked = [];
    sleeping = [];
    cluster = { isCutOff: false };
    Object.assign(cluster, {
      self: "a",
      alive: ["a", "b", "c"],
      answers: (_kind: string, answerer: Answerer) => {
        answer = answerer;
      },
      flushedHere: async () => undefined,
      ask: (node: string) =>
        new Promise((answer, refuse) => {
          asked.push({ node, answer, refuse });
        }),
    });
    const binder = {
      takeIn: async () => session,
      hibernate: (one: ClientSession) => sleeping.push(one),
      giveAway: async () => (sleeping.length > 0 ? "luggage" : undefined),
    };
    resumption = new Resumption(cluster as Cluster, binder as unknown as Binder, PATIENCE);
  });

  const fetch = () =>
    resumption.fetch("id", account, 0, undefined as never, undefined as never, undefined as never);
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
  const comesAgain = (error: unknown) =>
    error instanceof StreamError && error.condition === "remote-connection-failed";

  it("is fetched from the node that has it", async () => {
    const fetched = fetch();
    asked[0].answer(null);
    asked[1].answer({});
    assert.equal(await fetched, session);
    assert.deepEqual(sleeping, []);
  });

  it("is nowhere when no node has it, or those are gone", async () => {
    const fetched = fetch();
    asked[0].answer(null);
    asked[1].refuse(new Error("gone"));
    assert.equal(await fetched, undefined);
  });

  it("waits for its client when it comes late", async () => {
    await assert.rejects(fetch(), comesAgain);
    asked[1].answer({});
    await turn();
    assert.deepEqual(sleeping, [session]);
  });

  it("is asked for once, however often its client comes", async () => {
    await assert.rejects(fetch(), comesAgain);
    const second = fetch();
    assert.equal(asked.length, 2);
    asked[1].answer({});
    assert.equal(await second, session);
    assert.deepEqual(sleeping, []);
  });

  it("goes on to the next node when it has come late", async () => {
    await assert.rejects(fetch(), comesAgain);
    const given = answer(["id", account.jid.text, 0], "c");
    asked[1].answer({});
    assert.equal(await given, "luggage");
  });

  it("does not keep its client out while the broker is away", async () => {
    cluster.isCutOff = true;
    assert.equal(await fetch(), undefined);
  });
});
