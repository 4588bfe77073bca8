import assert from "node:assert/strict";
import { Repeats } from "../../src/router/repeats.js";
import type { ClientSession } from "../../src/session/client-session.js";
import { Handled } from "../../src/session/handled.js";
import { xml } from "../../src/xml/element.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { chat, NS_SM, RawClient, until } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const PASSWORD = "secret";

describe("Messages that are sent again", () => {
  describe("before it is known what became of the first", () => {
    let test: TestServer;
    /** Told of each message that has come to the hook, and lets it go on, or refuses it. */
    let arrived: { letGo: () => void; refuse: () => void }[];
    beforeEach(async () => {
      test = await startTestServer({ log: { level: "silent" } });
      for (const name of ["romeo", "juliet"])
        await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
      arrived = [];
      test.server.domains.get(test.domain)?.hooks.on("stanza:received", "slow", ({ stanza }) => {
        if (stanza.kind !== "message") return undefined;
        return new Promise<void>((resolve, reject) => {
          arrived.push({ letGo: resolve, refuse: () => reject(new Error("no")) });
        });
      });
    });
    afterEach(() => test.stop());

    async function loggedIn(): Promise<RawClient> {
      const client = await RawClient.open(test.port);
      await client.login("romeo", test.domain, PASSWORD);
      await client.bind();
      await client.enable();
      return client;
    }

    /** Sent on one connection, which breaks, and again on the next. @returns the count that the latter is told of, once */
    async function sentTwice(): Promise<{ client: RawClient; counts: string[] }> {
      const message = chat(`juliet@${test.domain}`, "m1", "x").replace(
        "</message>",
        "<origin-id xmlns='urn:xmpp:sid:0' id='o1'/></message>",
      );
      const first = await loggedIn();
      first.write(message);
      await until(() => arrived.length === 1, "the first has come");
      await first.drop();
      const client = await loggedIn();
      const counts: string[] = [];
      client.onElement = (element) => {
        if (element.is("a", NS_SM)) counts.push(element.attrs.h);
      };
      client.write(message);
      client.write(`<r xmlns='${NS_SM}'/>`);
      return { client, counts };
    }

    it("are not acknowledged before that, and not routed", async () => {
      const { client, counts } = await sentTwice();
      await new Promise((resolve) => setTimeout(resolve, 100));
      assert.deepEqual(counts, []);
      arrived[0].letGo();
      await until(() => counts.length === 1, "it is acknowledged");
      assert.deepEqual(counts, ["1"]);
      assert.equal(arrived.length, 1);
      await client.close();
    });

    it("take the place of one that was refused", async () => {
      const { client, counts } = await sentTwice();
      arrived[0].refuse();
      await until(() => arrived.length === 2, "the second goes its way");
      assert.deepEqual(counts, []);
      arrived[1].letGo();
      await until(() => counts.length === 1, "it is acknowledged");
      await client.close();
    });
  });

  describe("are remembered", () => {
    const juliet = Jid.parse("juliet@capulet.lit");
    const message = (id: string) =>
      Stanza.make("message", { to: juliet, id }, xml("origin-id", { xmlns: "urn:xmpp:sid:0", id }));
    const session = (accountId: number, streamNumber: number) =>
      ({ account: { id: accountId }, managed: {}, streamNumber }) as unknown as ClientSession;

    function noted(repeats: Repeats, accountId: number, id: string): void {
      const sent = message(id);
      sent.ticket = new Handled().begin();
      const from = session(accountId, 1);
      repeats.note(from, repeats.keyOf(from, sent) as string, sent);
    }

    let streams = 1;

    /** On yet another stream. */
    function known(repeats: Repeats, accountId: number, id: string): boolean {
      streams += 1;
      const from = session(accountId, streams);
      return repeats.earlier(from, repeats.keyOf(from, message(id)) as string) !== undefined;
    }

    it("so many of each account, those that were used last", () => {
      const repeats = new Repeats(100, 2);
      for (const id of ["a", "b"]) noted(repeats, 1, id);
      assert.equal(known(repeats, 1, "a"), true);
      noted(repeats, 1, "c");
      assert.deepEqual(
        ["a", "b", "c"].map((id) => known(repeats, 1, id)),
        [true, false, true],
      );
    });

    it("so many of all, of those accounts that sent last", () => {
      const repeats = new Repeats(3, 2);
      noted(repeats, 1, "a");
      noted(repeats, 2, "a");
      noted(repeats, 1, "b");
      noted(repeats, 3, "a");
      assert.deepEqual(
        [known(repeats, 1, "a"), known(repeats, 2, "a"), known(repeats, 1, "b"), known(repeats, 3, "a")],
        [true, false, true, true],
      );
    });

    it("until they bounced", () => {
      const repeats = new Repeats();
      for (const id of ["a", "b"]) noted(repeats, 1, id);
      repeats.bounced(session(1, 1), Stanza.make("message", { from: juliet, type: "error", id: "a" }));
      repeats.bounced(
        session(1, 1),
        Stanza.make("message", { from: Jid.parse("nurse@capulet.lit"), type: "error", id: "b" }),
      );
      assert.equal(known(repeats, 1, "a"), false);
      assert.equal(known(repeats, 1, "b"), true);
    });
  });
});
