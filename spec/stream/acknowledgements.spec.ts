import assert from "node:assert/strict";
import { Handled } from "../../src/session/handled.js";
import { Unacked } from "../../src/session/unacked.js";
import { KnexMessages } from "../../src/storage/knex/messages.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { chat, conditionOf, NS_SM, RawClient, until } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const PASSWORD = "secret";
const WRAP = 2 ** 32;

describe("Stream management under fire", () => {
  let test: TestServer;
  let romeo: RawClient;
  let juliet: Jid;

  async function start(session: Record<string, unknown> = {}, stream: Record<string, unknown> = {}) {
    test = await startTestServer({ session, stream: { closeTimeout: "200ms", ...stream } });
    juliet = Jid.parse(`juliet@${test.domain}`);
    for (const name of ["romeo", "juliet"])
      await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
    romeo = await loggedIn("romeo");
    await romeo.bind();
  }
  afterEach(async () => {
    await romeo.close();
    await test.stop();
  });

  async function loggedIn(name: string): Promise<RawClient> {
    const client = await RawClient.open(test.port);
    await client.login(name, test.domain, PASSWORD);
    return client;
  }

  /** Available, with stream management. @returns with the id to resume with */
  async function managed(name = "juliet"): Promise<{ client: RawClient; id: string }> {
    const client = await loggedIn(name);
    await client.bind();
    const id = await client.enable();
    client.write("<presence/>");
    await client.named("presence");
    return { client, id };
  }

  /** Sends messages with these numbers as ids, and waits until the server has dealt with them. */
  async function send(from: number, to: number, body = "x"): Promise<void> {
    for (let i = from; i < to; i++) romeo.write(chat(juliet.text, String(i), body));
    await romeo.ping();
  }

  /** Acknowledges whatever it is asked about, counting from `h`. @returns the ids of messages, as they come */
  function acknowledging(client: RawClient, h: number): string[] {
    let count = h;
    const got: string[] = [];
    const hear = (element: RawClient["mailbox"][number]) => {
      if (element.is("r", NS_SM)) client.write(`<a xmlns='${NS_SM}' h='${count}'/>`);
      else if (["message", "presence", "iq"].includes(element.name)) count += 1;
      if (element.name === "message") got.push(element.attrs.id);
    };
    client.onElement = hear;
    for (const element of client.mailbox.splice(0)) hear(element);
    return got;
  }

  /** The client is cut off, and its session ended as by an admin: nobody waits for it to come back. */
  async function endDetached(client: RawClient): Promise<void> {
    const detached = () => test.server.registry.of(juliet).find((one) => one.session?.detached)?.session;
    await client.drop();
    await until(() => detached() !== undefined, "the session waits");
    detached()?.close();
  }

  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => String(from + i));
  const session = () => test.server.registry.of(juliet)[0]?.session;

  describe("with a client that is half dead", () => {
    beforeEach(() => start({ maxUnacked: 10 }));

    it("gives what was too much after it resumes: all of it, once, in order", async () => {
      const { client, id } = await managed();
      client.freeze();
      await send(0, 200);
      const again = await loggedIn("juliet");
      const resumed = again.resume(id, 1);
      const got = acknowledging(again, 1);
      assert.equal((await resumed).getName(), "resumed");
      await until(() => got.length >= 200, "all have come");
      await send(200, 210);
      await until(() => got.length >= 210, "later ones come too");
      assert.deepEqual(got, numbers(0, 210));
      client.thaw();
      await client.closed;
      await again.close();
    });

    it("gives what was too much at its next login: all of it, once, in order", async () => {
      const { client } = await managed();
      client.freeze();
      await send(0, 200);
      await client.close();
      const { client: again } = await managed();
      const got = acknowledging(again, 1);
      await until(() => got.length >= 200, "all have come");
      await send(200, 201);
      await until(() => got.length >= 201, "later ones come too");
      assert.deepEqual(got, numbers(0, 201));
      await again.close();
    });

    it("does not keep it from another client of the account that is well", async () => {
      const { client } = await managed();
      const { client: well } = await managed();
      const got = acknowledging(well, 1);
      client.freeze();
      for (let i = 0; i < 100; i += 5) {
        await send(i, i + 5);
        await until(() => got.length >= i + 5, "all have come");
        await well.ping();
      }
      assert.deepEqual(got, numbers(0, 100));
      await Promise.all([client.close(), well.close()]);
    });

    it("does not end the session of another client that is too slow for a moment", async () => {
      const { client } = await managed();
      const { client: slow } = await managed();
      client.freeze();
      await send(0, 100);
      const got = acknowledging(slow, 1);
      await slow.ping();
      await endDetached(client);
      // What nobody had taken is for the one that is left; it may see a message twice.
      await until(() => new Set(got).size === 100, "all have come");
      await slow.close();
    });

    it("ends the session when even what cannot wait is too much, and nothing else", async () => {
      const { client } = await managed();
      const address = session()?.jid.text;
      client.freeze();
      await send(0, 20);
      for (let i = 0; i < 60; i++) romeo.write(`<presence to='${address}' id='p${i}'/>`);
      await romeo.ping();
      assert.equal(test.server.registry.of(juliet).length, 0);
      client.thaw();
      assert.equal(await client.streamError(), "resource-constraint");
      const { client: again } = await managed();
      const got = acknowledging(again, 1);
      await until(() => got.length >= 20, "all have come");
      assert.deepEqual(got, numbers(0, 20));
      await again.close();
    });

    it("does not push what one session left behind onto another that has enough", async () => {
      const { client: first } = await managed();
      first.freeze();
      await send(0, 10);
      const { client: second } = await managed();
      const address = test.server.registry.of(juliet)[1].jid.text;
      second.freeze();
      // It is given more than it may have, by what cannot wait.
      for (let i = 0; i < 30; i++) romeo.write(`<presence to='${address}' id='p${i}'/>`);
      await romeo.ping();
      await endDetached(first);
      assert.equal(test.server.registry.of(juliet).length, 1);
      const got = acknowledging(second, 1);
      second.thaw();
      await until(() => got.length >= 10, "all have come");
      assert.deepEqual(got, numbers(0, 10));
      await second.close();
    });
  });

  it("resumes with more under way than may wait for a slow reader", async () => {
    await start({ maxUnacked: 100, maxUnackedSize: "4 MiB" }, { sendBuffer: "64 KiB" });
    const { client, id } = await managed();
    await client.drop();
    await send(0, 30, "y".repeat(200 * 1024));
    const again = await loggedIn("juliet");
    const got = acknowledging(again, 1);
    assert.equal((await resume(again, id)).getName(), "resumed");
    await until(() => got.length >= 30, "all have come");
    assert.deepEqual(got, numbers(0, 30));
    await again.close();
  });

  /** As `RawClient.resume`, while somebody listens to all that comes. */
  async function resume(client: RawClient, id: string) {
    client.write(`<resume xmlns='${NS_SM}' previd='${id}' h='1'/>`);
    return client.next((element) => element.is("resumed") || element.is("failed"));
  }

  describe("with a client that does not answer", () => {
    it("counts the connection as dead, keeps the session a while, then stores what is left", async () => {
      await start({ answerTimeout: "1s", resumeTimeout: "1s" });
      const { client } = await managed();
      await send(0, 5);
      await client.closed;
      await until(() => session()?.detached === true, "the session waits");
      await send(5, 10);
      await until(() => session() === undefined, "nobody resumed");
      const { client: again } = await managed();
      const got = acknowledging(again, 1);
      await until(() => got.length >= 10, "all have come");
      assert.deepEqual(got, numbers(0, 10));
      await again.close();
    });
  });

  describe("with those who resume", () => {
    beforeEach(() => start());

    it("gives the session to one of two that resume it at once, and ends the other's stream", async () => {
      for (let round = 0; round < 10; round++) {
        const { client, id } = await managed();
        await (round % 2 ? client.drop() : Promise.resolve());
        const two = [await loggedIn("juliet"), await loggedIn("juliet")];
        for (const one of two) one.write(`<resume xmlns='${NS_SM}' previd='${id}' h='1'/>`);
        await until(() => two.some((one) => one.isClosed), "one has to go");
        const winner = two[two[0].isClosed ? 1 : 0];
        const loser = two[two[0].isClosed ? 0 : 1];
        assert.equal(await loser.streamError(), "conflict");
        const got = acknowledging(winner, 1);
        await send(0, 5);
        await until(() => got.length === 5, "it goes on");
        assert.deepEqual(got, numbers(0, 5));
        assert.equal(test.server.registry.of(juliet).length, 1);
        winner.write(`<a xmlns='${NS_SM}' h='6'/>`);
        await winner.close();
        if (!client.isClosed) await client.closed;
        await until(() => session() === undefined, "it is over");
      }
    });

    it("does not give a session back that is ending, or has ended", async () => {
      for (let round = 0; round < 10; round++) {
        const { client, id } = await managed();
        const other = await loggedIn("juliet");
        client.write("</stream:stream>");
        const answer = await other.resume(id, 1);
        // Whoever is first: the footer, or the one who resumes.
        if (answer.is("failed")) assert.equal(conditionOf(answer), "item-not-found");
        else assert.equal(test.server.registry.of(juliet).length, 1);
        await client.closed;
        await other.close();
        await until(() => session() === undefined, "it is over");
      }
    });

    it("gives it to nobody else who knows the id", async () => {
      const { client, id } = await managed();
      const thief = await loggedIn("romeo");
      assert.equal(conditionOf(await thief.resume(id, 1)), "item-not-found");
      await client.ping();
      await Promise.all([client.close(), thief.close()]);
    });

    it("survives one that resumes and is gone again, many times", async () => {
      const { client, id } = await managed();
      await client.drop();
      let sent = 0;
      for (let round = 0; round < 20; round++) {
        const one = await loggedIn("juliet");
        await one.writeAll(`<resume xmlns='${NS_SM}' previd='${id}' h='1'/>`);
        await send(sent, sent + 3);
        sent += 3;
        await (round % 2 ? one.reset() : one.drop());
      }
      const last = await loggedIn("juliet");
      const got = acknowledging(last, 1);
      assert.equal((await resume(last, id)).getName(), "resumed");
      await until(() => got.length >= sent, "all have come");
      assert.deepEqual(got, numbers(0, sent));
      await last.close();
    });
  });

  describe("while the database fails", () => {
    const { append } = KnexMessages.prototype;
    afterEach(() => {
      KnexMessages.prototype.append = append;
    });

    it("acknowledges no message that is not stored, and all of them when it is well again", async () => {
      await start();
      await romeo.enable();
      const ask = async () => {
        romeo.write(`<r xmlns='${NS_SM}'/>`);
        return Number((await romeo.named("a")).attrs.h);
      };
      for (let i = 0; i < 3; i++) romeo.write(chat(juliet.text, String(i)));
      assert.equal(await ask(), 3);
      let refused = 0;
      KnexMessages.prototype.append = async () => {
        refused += 1;
        throw new Error("the disk is full");
      };
      for (let i = 3; i < 6; i++) romeo.write(chat(juliet.text, String(i)));
      assert.equal(await ask(), 3, "answered in time, but with no more than is stored");
      assert.ok(refused > 0);
      // What need not be stored goes on; it is counted behind those that wait.
      await romeo.ping();
      assert.equal(await ask(), 3);
      KnexMessages.prototype.append = append;
      let h = 3;
      while (h < 7) h = await ask();
      assert.equal(h, 7);
      const { client } = await managed();
      const got = acknowledging(client, 1);
      await until(() => got.length >= 6, "all have come");
      assert.deepEqual(got, numbers(0, 6));
      await client.close();
    }).timeout(30_000);
  });
});

describe("The counts of stream management", () => {
  it("go on at nought behind the highest number: what a client sent", async () => {
    const handled = new Handled();
    handled.h = WRAP - 2;
    const tickets = [handled.begin(), handled.begin(), handled.begin()];
    const caughtUp = handled.caughtUp();
    tickets[2].release();
    tickets[0].release();
    assert.equal(handled.h, WRAP - 1);
    tickets[1].release();
    await caughtUp;
    assert.equal(handled.h, 1);
    assert.equal(handled.caughtUp(), undefined);
  });

  it("go on at nought behind the highest number: what a client was sent", () => {
    const unacked = new Unacked(WRAP - 2);
    const delivered: number[] = [];
    for (let i = 0; i < 4; i++)
      unacked.push(
        Stanza.make("message", {}),
        { delivered: () => delivered.push(i), failed: () => undefined } as never,
        1,
      );
    assert.equal(unacked.sent, 2);
    assert.ok(!unacked.acknowledge(3), "more than was sent");
    assert.ok(!unacked.acknowledge(WRAP - 3), "less than was acknowledged before");
    assert.ok(unacked.acknowledge(WRAP - 1));
    assert.deepEqual(delivered, [0]);
    assert.ok(unacked.acknowledge(1));
    assert.deepEqual(delivered, [0, 1, 2]);
    assert.ok(unacked.acknowledge(1));
    assert.ok(unacked.acknowledge(2));
    assert.equal(unacked.count, 0);
    assert.equal(unacked.size, 0);
  });
});
