import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Jid } from "../../../src/xmpp/jid.js";
import { startTestServer, type TestServer } from "../../support/server.js";
import { type Answer, ping, post, RawBosh } from "./support.js";

const NS_BOSH = "http://jabber.org/protocol/httpbind";
const NS_STREAM = "http://etherx.jabber.org/streams";

function assertOver({ status, body }: Answer, condition: string | undefined, expected = 200): void {
  assert.deepEqual([status, body.attrs.type, body.attrs.condition], [expected, "terminate", condition]);
}

function ids({ body }: Answer): string[] {
  return body.getChildElements().map(({ attrs }) => attrs.id);
}

describe("BOSH (XEP-0124, XEP-0206)", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      http: { bosh: { inactivity: "1s", wait: "2s", hold: 2, maxBodySize: "100 KiB" } },
      stream: { maxStanzaSize: 20_000 },
    });
    for (const name of ["romeo", "juliet"])
      await server.createAccount(Jid.parse(`${name}@localhost`), "password");
  });
  after(() => server.stop());

  /** Resolves when the server has ended the session of its own accord. */
  function endOf({ jid }: RawBosh): Promise<void> {
    const hooks = server.server.domains.get("localhost")?.hooks;
    return new Promise((resolve) => {
      const undo = hooks?.on("session:unbound", "spec", ({ session }) => {
        if (session.jid.text !== jid) return;
        undo?.();
        resolve();
      });
    });
  }

  describe("beginning a session, XEP-0124 §7 and XEP-0206 §4", () => {
    it("agrees on terms and offers the stream's features", async () => {
      const { created } = await RawBosh.begin(server.webPort, { wait: 1, ver: "1.6", hold: 1 });
      const { attrs } = created.body;
      assert.equal(created.status, 200);
      assert.equal(created.headers["content-type"], "text/xml; charset=utf-8");
      assert.match(attrs.sid, /^[\w-]{32}$/);
      assert.deepEqual(
        [attrs.wait, attrs.hold, attrs.requests, attrs.ver, attrs.inactivity, attrs.polling, attrs.maxpause],
        ["1", "1", "2", "1.6", "1", "2", "120"],
      );
      assert.deepEqual(
        [attrs["xmpp:version"], attrs["xmpp:restartlogic"], attrs["xmlns:xmpp"], attrs.from],
        ["1.0", "true", "urn:xmpp:xbosh", "localhost"],
      );
      assert.ok(created.body.getChild("features", NS_STREAM));
    });

    it("announces no time for silence but its own", async () => {
      const own = await startTestServer({ stream: { idleTimeout: "1h" } });
      const { created } = await RawBosh.begin(own.webPort);
      const limits = created.body.getChild("features", NS_STREAM)?.getChild("limits");
      assert.ok(limits?.getChild("max-bytes"));
      assert.equal(limits?.getChild("idle-seconds"), undefined);
      await own.stop();
    });

    it("allows less than the client wants where the server does", async () => {
      const { created } = await RawBosh.begin(server.webPort, { wait: 3600, hold: 10, ver: "1.200" });
      const { attrs } = created.body;
      assert.deepEqual([attrs.wait, attrs.hold, attrs.requests, attrs.ver], ["2", "2", "3", "1.11"]);
    });

    it("answers in the content type that the client wants", async () => {
      const { created } = await RawBosh.begin(server.webPort, { content: "text/plain" });
      assert.equal(created.headers["content-type"], "text/plain");
      assertOver(
        (await RawBosh.begin(server.webPort, { content: "text/plain&#xA;a: b" })).created,
        "bad-request",
      );
    });

    it("never gives the same sid twice", async () => {
      const [one, two] = await Promise.all([RawBosh.begin(server.webPort), RawBosh.begin(server.webPort)]);
      assert.notEqual(one.sid, two.sid);
    });

    it("is for so many from one address", async () => {
      const own = await startTestServer({ http: { bosh: { maxSessionsPerAddress: 2 } } });
      const first = await RawBosh.begin(own.webPort);
      await RawBosh.begin(own.webPort);
      assertOver((await RawBosh.begin(own.webPort)).created, "policy-violation");
      assert.ok((await RawBosh.begin(own.webPort, {}, { from: "127.0.0.3" })).sid);
      await first.send("", { type: "terminate" });
      assert.ok((await RawBosh.begin(own.webPort)).sid);
      await own.stop();
    });

    it("needs a domain that is served here", async () => {
      assertOver((await RawBosh.begin(server.webPort, { to: undefined })).created, "improper-addressing");
      assertOver((await RawBosh.begin(server.webPort, { to: "" })).created, "improper-addressing");
      assertOver((await RawBosh.begin(server.webPort, { to: "nowhere.example" })).created, "host-unknown");
    });

    it("needs a rid and numbers that are numbers", async () => {
      for (const attrs of [
        { rid: undefined },
        { rid: 0 },
        { rid: "-1" },
        { rid: "9007199254740992" },
        { wait: "x" },
      ])
        assertOver((await RawBosh.begin(server.webPort, attrs)).created, "bad-request");
    });

    it("tells legacy clients by HTTP status codes, §17.1", async () => {
      const { created } = await RawBosh.begin(server.webPort, { ver: undefined, wait: "x" });
      assertOver(created, "bad-request", 400);
    });
  });

  describe("what a body may be, XEP-0124 §6", () => {
    const wrong: Record<string, string> = {
      "no XML": "hello",
      nothing: "",
      "half a body": `<body xmlns='${NS_BOSH}' rid='1'>`,
      "two bodies": `<body xmlns='${NS_BOSH}' rid='1'/><body xmlns='${NS_BOSH}' rid='2'/>`,
      "another element": `<bodice xmlns='${NS_BOSH}' rid='1'/>`,
      "another namespace": "<body xmlns='jabber:client' rid='1'/>",
      text: `<body xmlns='${NS_BOSH}' rid='1' to='localhost'>hello</body>`,
      "a comment": `<body xmlns='${NS_BOSH}' rid='1' to='localhost'><!-- a --></body>`,
      "a document type": `<!DOCTYPE body><body xmlns='${NS_BOSH}' rid='1' to='localhost'/>`,
    };
    for (const [what, text] of Object.entries(wrong)) {
      it(`is not ${what}`, async () => {
        const { body } = await post(server.webPort, text);
        assert.deepEqual([body.attrs.type, body.attrs.condition], ["terminate", "bad-request"]);
      });
    }

    it("ends the session that it belongs to when it is broken", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      assertOver(await session.send("<message"), "bad-request");
      assertOver(await session.send(), "item-not-found");
    });

    it("is bounded, and so is what is in it", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      assert.deepEqual(
        ids(await session.send(ping("x".repeat(15_000)))).map(({ length }) => length),
        [15_000],
      );
      assertOver(await session.send(ping("x".repeat(25_000))), "policy-violation");
      const early = await RawBosh.begin(server.webPort);
      assertOver(await early.send(ping("x".repeat(15_000))), "policy-violation");
    });

    it("is small before login, however small the elements are", async () => {
      const many = "<a/>".repeat(15_000);
      assertOver(await (await RawBosh.begin(server.webPort)).send(many), "policy-violation");
      const session = new RawBosh(server.webPort);
      assertOver(await session.send(many, { to: "localhost", ver: "1.6" }), "policy-violation");
    });

    it("is not read where no such session is", async () => {
      const session = new RawBosh(server.webPort);
      session.sid = "guessed";
      assertOver(await session.send("<not-even-xml"), "item-not-found");
    });

    it("ends its session when it is larger than any may be", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      assertOver(await session.send(" ".repeat(110_000)), "policy-violation");
      assertOver(await session.send(), "item-not-found");
      const strange = new RawBosh(server.webPort);
      const attrs = { to: "localhost", ver: "1.6" };
      assertOver(await strange.send(" ".repeat(110_000), attrs), "policy-violation");
      assertOver(await strange.send(" ".repeat(110_000), { to: "localhost" }), "policy-violation", 403);
    });

    it("is refused by HTTP when it is too large and nothing else is known of it", async () => {
      const url = `http://127.0.0.1:${server.webPort}/http-bind`;
      assert.equal((await fetch(url, { method: "POST", body: " ".repeat(110_000) })).status, 413);
    });
  });

  describe("requests and answers, XEP-0124 §8 and §14", () => {
    it("holds a request until there is something to say", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const held = session.send();
      const other = session.send(ping("a"));
      assert.deepEqual(ids(await held), ["a"]);
      const next = session.send(ping("b"));
      assert.deepEqual(ids(await other), ["b"]);
      await session.send("", { type: "terminate" });
      await next;
    });

    it("answers a held request with nothing when its time is up", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo", { wait: 1 });
      const { status, body } = await session.send();
      assert.equal(status, 200);
      assert.deepEqual([body.children.length, body.attrs.type], [0, undefined]);
    });

    it("holds no more than agreed", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const first = session.send();
      const second = session.send(`<presence xmlns='jabber:client' to='juliet@localhost'/>`);
      assert.deepEqual(ids(await first), []);
      await session.send("", { type: "terminate" });
      await second;
    });

    it("deals with requests in the order of their rids, whatever the order in which they come", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const { rid } = session;
      const second = session.sendAs(rid + 1, ping("b"));
      const first = session.sendAs(rid, ping("a"));
      const all = [...ids(await first), ...ids(await second)];
      assert.deepEqual(all, ["a", "b"]);
    });

    it("gives an answer again to who did not get it", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const { rid } = session;
      const answer = await session.send(ping("a"));
      const again = await session.sendAs(rid, ping("a"));
      assert.deepEqual(ids(again), ids(answer));
      assert.deepEqual(ids(await session.send(ping("b"))), ["b"]);
    });

    it("keeps the answer for a connection that was lost while it was held", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const juliet = await RawBosh.logIn(server.webPort, "juliet");
      const { rid } = session;
      const cut = new AbortController();
      const lost = session.send("", {}, { signal: cut.signal });
      // It is held by the time that a later request was answered.
      await juliet.send(ping("c"));
      cut.abort();
      await assert.rejects(lost, { name: "AbortError" });
      const message = `<message xmlns='jabber:client' to='${session.jid}' id='m'><body>hark</body></message>`;
      await juliet.send(message + ping("d"));
      assert.deepEqual(ids(await session.sendAs(rid, "")), ["m"]);
      // And once more: whoever lost the first answer may have lost the second.
      assert.deepEqual(ids(await session.sendAs(rid, "")), ["m"]);
      assert.deepEqual(ids(await session.send(ping("e"))), ["e"]);
    });

    it("tells the older of two requests with one rid to try again", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const { rid } = session;
      const older = session.send();
      const newer = (async () => {
        // The first one is there by then, as what is answered to a later one shows.
        await RawBosh.begin(server.webPort);
        return session.sendAs(rid, "");
      })();
      assert.equal((await older).body.attrs.type, "error");
      await session.send("", { type: "terminate" });
      await newer;
    });

    it("ends the session for a rid beyond the window, and for one long gone", async () => {
      const ahead = await RawBosh.logIn(server.webPort, "romeo");
      assertOver(await ahead.sendAs(ahead.rid + 5, ""), "item-not-found");
      assertOver(await ahead.send(), "item-not-found");
      const behind = await RawBosh.logIn(server.webPort, "romeo");
      assertOver(await behind.sendAs(1, ""), "item-not-found");
      assertOver(await behind.send(), "item-not-found");
    });

    it("knows no session but those there are", async () => {
      const session = new RawBosh(server.webPort);
      session.sid = "guessed";
      assertOver(await session.send(), "item-not-found");
    });

    it("does not know a session whose client has another address", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const { rid } = session;
      const strange = await post(server.webPort, session.text(ping("a"), {}, rid), { from: "127.0.0.3" });
      assertOver(strange, "item-not-found");
      assert.deepEqual(ids(await session.send(ping("b"))), ["b"]);
    });

    it("acknowledges for who acknowledges, §9", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo", { ack: 1 });
      assert.equal(session.created.body.attrs.ack, "1000");
      const first = session.send("");
      const { rid } = session;
      const second = session.send(ping("a"));
      assert.equal((await first).body.attrs.ack, String(rid));
      await session.send("", { type: "terminate" });
      await second;
    });
  });

  describe("rules for how often and how long", () => {
    it("refuses empty requests that come too fast after one that got nothing, §12", async () => {
      const polling = await RawBosh.logIn(server.webPort, "romeo", { hold: 0 });
      let answer = await polling.send();
      // What the login still had to say may be asked for as fast as one likes.
      while (answer.body.children.length > 0) answer = await polling.send();
      assert.deepEqual([answer.status, answer.body.attrs.type], [200, undefined]);
      assertOver(await polling.send(), "policy-violation");
      assertOver(await polling.send(), "item-not-found");
    });

    it("refuses empty requests that only make another be answered, §11", async () => {
      const holding = await RawBosh.logIn(server.webPort, "romeo");
      const first = holding.send();
      // It is held by the time that a later request was answered.
      await RawBosh.begin(server.webPort);
      assertOver(await holding.send(), "policy-violation");
      assertOver(await first, "other-request");
    });

    it("ends a session whose client does not come back, §10", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      await endOf(session);
      assertOver(await session.send(), "item-not-found");
    });

    it("lets a client be away for as long as it announced, §10", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const held = session.send();
      const pause = await session.send("", { pause: 100 });
      assert.equal(pause.body.children.length, 0);
      assert.equal((await held).body.attrs.type, undefined);
      assert.equal(pause.body.attrs.type, undefined);
      const other = await RawBosh.logIn(server.webPort, "juliet");
      // The other one, which announced nothing, is over after the second that both have otherwise.
      await endOf(other);
      assertOver(await other.send(), "item-not-found");
      assert.deepEqual(ids(await session.send(ping("a"))), ["a"]);
      assertOver(await session.send("", { pause: 1000 }), "policy-violation");
    });
  });

  describe("a pause, §10", () => {
    it("takes what comes with it", async () => {
      const juliet = await RawBosh.logIn(server.webPort, "juliet");
      const waiting = juliet.send();
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const message = `<message xmlns='jabber:client' to='${juliet.jid}' id='bye'><body>so long</body></message>`;
      const pause = await session.send(message + ping("a"), { pause: 100 });
      assert.deepEqual([pause.body.attrs.type, ids(pause)], [undefined, []]);
      assert.deepEqual(ids(await waiting), ["bye"]);
      assert.deepEqual(ids(await session.send()), ["a"]);
      await juliet.send("", { type: "terminate" });
    });

    it("lasts a number of seconds", async () => {
      for (const pause of ["abc", "-5", "", "1.5"]) {
        const session = await RawBosh.logIn(server.webPort, "romeo");
        assertOver(await session.send("", { pause }), "bad-request");
        assertOver(await session.send(), "item-not-found");
      }
    });

    it("gives way to the end of the session", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      assertOver(await session.send("", { pause: 100, type: "terminate" }), undefined);
      assertOver(await session.send(), "item-not-found");
    });
  });

  describe("key sequences, XEP-0124 §15", () => {
    const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
    const keys = (seed: string, count: number) => {
      const found = [sha1(seed)];
      while (found.length < count) found.push(sha1(found[found.length - 1]));
      return found;
    };

    it("lets through who has the next key, and goes on with a new sequence", async () => {
      const [k1, k2, k3] = keys("seed", 3);
      const [n1, n2] = keys("another", 2);
      const session = await RawBosh.begin(server.webPort, { newkey: k3, wait: 1 });
      assert.equal((await session.send("", { key: k2 })).body.attrs.type, undefined);
      assert.equal((await session.send("", { key: k1, newkey: n2 })).body.attrs.type, undefined);
      assert.equal((await session.send("", { key: n1 })).body.attrs.type, undefined);
    });

    it("ends the session for a wrong key or none", async () => {
      const [k1, , k3] = keys("seed", 3);
      const wrong = await RawBosh.begin(server.webPort, { newkey: k3 });
      assertOver(await wrong.send("", { key: k1 }), "item-not-found");
      const none = await RawBosh.begin(server.webPort, { newkey: k3 });
      assertOver(await none.send(""), "item-not-found");
    });
  });

  describe("ends of sessions, XEP-0124 §13 and §17", () => {
    it("come when the client says so, after what it says last", async () => {
      const session = await RawBosh.logIn(server.webPort, "romeo");
      const juliet = await RawBosh.logIn(server.webPort, "juliet");
      const waiting = juliet.send();
      const held = session.send();
      // Both are held by the time that a later request was answered.
      await RawBosh.begin(server.webPort);
      const message = `<message xmlns='jabber:client' to='${juliet.jid}' id='bye'><body>adieu</body></message>`;
      const last = session.send(message, { type: "terminate" });
      assertOver(await held, undefined);
      assert.deepEqual([(await last).status, (await last).body.attrs.type], [200, undefined]);
      assert.deepEqual(ids(await waiting), ["bye"]);
      assertOver(await session.send(), "item-not-found");
      await juliet.send("", { type: "terminate" });
    });

    it("carry the stream's error", async () => {
      const session = await RawBosh.begin(server.webPort);
      const answer = await session.send("<message xmlns='jabber:client'/>");
      assertOver(answer, "remote-stream-error");
      const error = answer.body.getChild("error", NS_STREAM);
      assert.ok(error?.getChild("not-authorized"));
    });

    it("come with an unfinished login, in the stream's words", async () => {
      const session = await RawBosh.begin(server.webPort);
      const answer = await session.send("", { "xmpp:restart": "true", "xmlns:xmpp": "urn:xmpp:xbosh" });
      assertOver(answer, "remote-stream-error");
    });

    it("are told when the server stops, and no session begins any more", async () => {
      const own = await startTestServer({ stream: { closeTimeout: "200ms" } });
      await own.createAccount(Jid.parse("romeo@localhost"), "password");
      const session = await RawBosh.logIn(own.webPort, "romeo");
      const held = session.send();
      // It is held by the time that a later request was answered.
      await RawBosh.begin(own.webPort);
      const stopped = own.stop();
      assertOver(await held, "system-shutdown");
      await stopped;
    });
  });
});
