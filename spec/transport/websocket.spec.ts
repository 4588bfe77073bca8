import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { NS_STREAMS } from "../../src/xmpp/errors.js";
import { Jid } from "../../src/xmpp/jid.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { OPEN, RawWebSocket } from "./websocket-support.js";

const NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const PING = (id: string) =>
  `<iq xmlns='jabber:client' type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`;

/** The condition of the stream error, which `<close/>` and the end of the WebSocket follow. */
async function endOf(raw: RawWebSocket): Promise<{ condition: string | undefined; code: number }> {
  let element = await raw.next();
  while (element.getName() !== "error") element = await raw.next();
  const condition = element.getChildElements().find((child) => child.getNS() === NS_STREAMS);
  const close = await raw.next();
  assert.ok(close.is("close", NS_FRAMING));
  return { condition: condition?.getName(), code: await raw.closed };
}

async function refusal(
  port: number,
  options: { protocol?: string; path?: string; origin?: string },
): Promise<number> {
  const { protocol, path = "/ws", origin } = options;
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocol ? [protocol] : [], { origin });
  ws.on("error", () => undefined);
  const [, response] = await once(ws, "unexpected-response");
  response.resume();
  return response.statusCode;
}

describe("XMPP over WebSocket (RFC 7395)", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({ stream: { maxStanzaSize: 20_000 } });
    await server.createAccount(Jid.parse("romeo@localhost"), "password");
  });
  after(() => server.stop());

  describe("the handshake, §3.1", () => {
    it("is refused without the sub-protocol xmpp", async () => {
      assert.equal(await refusal(server.webPort, {}), 400);
      assert.equal(await refusal(server.webPort, { protocol: "mqtt" }), 400);
    });

    it("is refused elsewhere", async () => {
      assert.equal(await refusal(server.webPort, { protocol: "xmpp", path: "/wss" }), 404);
    });

    it("confirms the sub-protocol, and no extension", async () => {
      const { ws } = await RawWebSocket.connect(server.webPort);
      assert.equal(ws.protocol, "xmpp");
      assert.equal(ws.extensions, "");
      ws.terminate();
    });

    it("is refused to pages of other sites where the origins are limited", async () => {
      const own = await startTestServer({ http: { origins: ["https://chat.example.org"] } });
      assert.equal(await refusal(own.webPort, { protocol: "xmpp", origin: "https://evil.example" }), 403);
      const raw = await RawWebSocket.connect(own.webPort, { Origin: "https://chat.example.org" });
      raw.ws.terminate();
      await own.stop();
    });
  });

  describe("framing, §3.3 and §3.4", () => {
    it("begins with <open/> on both sides, each element a message of its own", async () => {
      const raw = await RawWebSocket.connect(server.webPort);
      const open = await raw.ask(OPEN);
      assert.ok(open.is("open", NS_FRAMING));
      assert.equal(open.attrs.from, "localhost");
      assert.equal(open.attrs.version, "1.0");
      assert.match(open.attrs.id, /.{8}/);
      const features = await raw.next();
      assert.ok(features.is("features", "http://etherx.jabber.org/streams"));
      // §3.9
      assert.equal(features.getChild("starttls", "urn:ietf:params:xml:ns:xmpp-tls"), undefined);
      raw.ws.terminate();
    });

    it("is closed by <close/> on both sides, §3.6", async () => {
      const raw = await RawWebSocket.open(server.webPort);
      await raw.next();
      const close = await raw.ask(`<close xmlns='${NS_FRAMING}'/>`);
      assert.ok(close.is("close", NS_FRAMING));
      assert.equal(await raw.closed, 1000);
    });

    it("is closed once both sides have said <close/>, §3.6", async () => {
      const own = await startTestServer();
      const raw = await RawWebSocket.open(own.webPort);
      await raw.next();
      const stopped = own.stop();
      assert.equal((await raw.next()).getName(), "error");
      assert.ok((await raw.next()).is("close", NS_FRAMING));
      const early = await Promise.race([
        raw.closed,
        new Promise((resolve) => setTimeout(resolve, 200, "open")),
      ]);
      assert.equal(early, "open");
      raw.ws.send(`<close xmlns='${NS_FRAMING}'/>`);
      assert.equal(await raw.closed, 1000);
      await stopped;
    });

    it("is closed before long when the other side does not say it, §3.6", async () => {
      const raw = await RawWebSocket.connect(server.webPort);
      await raw.ask(OPEN.replace("localhost", "nowhere.example"));
      assert.deepEqual(await endOf(raw), { condition: "host-unknown", code: 1000 });
    });

    it("takes any number of pings, also within a message, RFC 6455 §5.4", async () => {
      const raw = await RawWebSocket.logIn(server.webPort, "romeo", "password");
      const [head, tail] = PING("a").split(" id=");
      raw.ws.send(`${head} id=`, { fin: false });
      for (let n = 0; n < 200; n++) {
        const pong = once(raw.ws, "pong");
        raw.ws.ping(Buffer.alloc(125));
        await pong;
      }
      raw.ws.send(tail);
      assert.equal((await raw.next()).attrs.id, "a");
      raw.ws.terminate();
    });

    it("takes a message in fragments, with an XML declaration, and white space at its end", async () => {
      const raw = await RawWebSocket.logIn(server.webPort, "romeo", "password");
      const text = Buffer.from(`<?xml version='1.0' encoding='UTF-8'?>${PING("žluťoučký")} \n`);
      for (let at = 0; at < text.length; at += 7)
        raw.ws.send(text.subarray(at, at + 7), { binary: false, fin: at + 7 >= text.length });
      const answer = await raw.next();
      assert.equal(answer.attrs.id, "žluťoučký");
      assert.equal(answer.getNS(), "jabber:client");
      raw.ws.terminate();
    });

    it("takes a stanza up to the limit, and refuses it above without waiting for its end", async () => {
      const raw = await RawWebSocket.logIn(server.webPort, "romeo", "password");
      const full = await raw.ask(PING("x".repeat(15_000)));
      assert.equal(full.attrs.id.length, 15_000);
      raw.ws.send(PING("y").replace("/>", ` a='${"z".repeat(200_000)}`), { fin: false });
      assert.equal((await endOf(raw)).condition, "policy-violation");
    });

    it("refuses what is too large before login earlier", async () => {
      const raw = await RawWebSocket.open(server.webPort);
      raw.ws.send(`<auth xmlns='${NS_SASL}' mechanism='PLAIN'>${"x".repeat(12_000)}</auth>`);
      assert.equal((await endOf(raw)).condition, "policy-violation");
    });

    const wrong: Record<string, [text: string | Buffer, condition: string, code?: number]> = {
      "half an element": [`<auth xmlns='${NS_SASL}'>`, "not-well-formed"],
      "two elements": ["<a xmlns='b'/><a xmlns='b'/>", "not-well-formed"],
      "one and a half elements": ["<a xmlns='b'/><a", "not-well-formed"],
      "no element": ["hello", "not-well-formed"],
      "white space": [" ", "not-well-formed"],
      "white space before an element": [" <a xmlns='b'/>", "not-well-formed"],
      nothing: ["", "not-well-formed"],
      "text behind an element": ["<a xmlns='b'/>text", "bad-format"],
      "a closing tag": ["</frames>", "not-well-formed"],
      "an element and a closing tag": ["<a xmlns='b'/></frames>", "not-well-formed"],
      "the wrong closing tag": ["<a xmlns='b'></b>", "not-well-formed"],
      "a stream header as over TCP": [
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
        "not-well-formed",
      ],
      "a comment": ["<!-- a --><a xmlns='b'/>", "restricted-xml"],
      "a comment inside": ["<a xmlns='b'><!-- a --></a>", "restricted-xml"],
      "a processing instruction": ["<?a b?><a xmlns='b'/>", "restricted-xml"],
      "a document type": ["<!DOCTYPE a><a xmlns='b'/>", "restricted-xml"],
      "an entity": ["<a xmlns='b'>&lol;</a>", "restricted-xml"],
      "another encoding": [
        "<?xml version='1.0' encoding='ISO-8859-1'?><a xmlns='b'/>",
        "unsupported-encoding",
        1007,
      ],
      "a prefix that is not declared": ["<x:a/>", "not-well-formed"],
      "no namespace": ["<iq type='get' id='a'/>", "invalid-namespace"],
      "a second <open/>": [OPEN, "bad-format"],
      "a binary message": [Buffer.from("<a xmlns='b'/>"), "bad-format", 1003],
    };
    for (const [what, [text, condition, code = 1000]] of Object.entries(wrong)) {
      it(`ends the stream with ${condition} for ${what}`, async () => {
        const raw = await RawWebSocket.open(server.webPort);
        await raw.next();
        raw.ws.send(text);
        assert.deepEqual(await endOf(raw), { condition, code });
      });
    }

    it("ends the stream for text that is no UTF-8", async () => {
      const raw = await RawWebSocket.open(server.webPort);
      await raw.next();
      raw.ws.send(Buffer.from([0x3c, 0x61, 0xff, 0x3e]), { binary: false });
      assert.deepEqual(await endOf(raw), { condition: "unsupported-encoding", code: 1007 });
    });

    it("answers <open/> even where the stream cannot begin, §3.5", async () => {
      const raw = await RawWebSocket.connect(server.webPort);
      const open = await raw.ask(OPEN.replace("localhost", "nowhere.example"));
      assert.ok(open.is("open", NS_FRAMING));
      assert.deepEqual(await endOf(raw), { condition: "host-unknown", code: 1000 });
    });

    it("wants <open/> first, §3.4, and again after login, §3.7", async () => {
      const early = await RawWebSocket.connect(server.webPort);
      early.ws.send(`<auth xmlns='${NS_SASL}' mechanism='PLAIN'/>`);
      assert.equal((await endOf(early)).condition, "bad-format");
      const late = await RawWebSocket.open(server.webPort);
      await late.next();
      const message = Buffer.from("\0romeo\0password").toString("base64");
      await late.ask(`<auth xmlns='${NS_SASL}' mechanism='PLAIN'>${message}</auth>`);
      late.ws.send(
        "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
      );
      assert.equal((await endOf(late)).condition, "bad-format");
    });

    it("disturbs nobody else when one breaks the rules", async () => {
      const good = await RawWebSocket.logIn(server.webPort, "romeo", "password");
      const bad = await RawWebSocket.open(server.webPort);
      bad.ws.send("<<<");
      await endOf(bad);
      assert.equal((await good.ask(PING("a"))).attrs.id, "a");
      good.ws.terminate();
    });
  });

  describe("the connection", () => {
    it("is cut when the client reads too slowly, and what it did not get is kept", async () => {
      const own = await startTestServer({ stream: { sendBuffer: "64 KiB" }, offline: { maxMessages: 5000 } });
      for (const name of ["romeo", "juliet"])
        await own.createAccount(Jid.parse(`${name}@localhost`), "password");
      const juliet = await RawWebSocket.logIn(own.webPort, "juliet", "password");
      await juliet.ask("<presence xmlns='jabber:client'/>");
      juliet.ws.pause();
      const romeo = await RawWebSocket.logIn(own.webPort, "romeo", "password");
      const body = "x".repeat(50_000);
      let count = 0;
      while (own.server.registry.of(Jid.parse("juliet@localhost")).length > 0) {
        assert.ok(count < 1000, "nobody cut it");
        romeo.ws.send(
          `<message xmlns='jabber:client' to='juliet@localhost' type='chat' id='${count++}'><body>${body}</body></message>`,
        );
        await romeo.ask(PING("p"));
      }
      romeo.ws.terminate();
      juliet.ws.terminate();
      await own.stop();
    });

    it("is cut when the client does not answer pings", async () => {
      const own = await startTestServer({ http: { websocket: { pingInterval: "1s" } } });
      const socket = connect(own.webPort, "127.0.0.1");
      socket.write(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: xmpp\r\n\r\n",
      );
      const alive = await RawWebSocket.open(own.webPort);
      const parts: Buffer[] = [];
      for await (const part of socket) parts.push(part);
      const came = Buffer.concat(parts).toString("latin1");
      assert.match(came, /^HTTP\/1\.1 101 /);
      // RFC 6455 §5.5.2: a ping has the operation code 9.
      assert.ok(came.endsWith("\x89\x00"));
      assert.equal(alive.ws.readyState, WebSocket.OPEN);
      alive.ws.terminate();
      await own.stop();
    });

    it("is closed when nothing came for as long as was announced", async () => {
      const own = await startTestServer({ stream: { idleTimeout: "1s" } });
      const raw = await RawWebSocket.open(own.webPort);
      const limits = (await raw.next()).getChild("limits", "urn:xmpp:stream-limits:0");
      assert.equal(limits?.getChildText("idle-seconds"), "1");
      assert.equal((await endOf(raw)).condition, "connection-timeout");
      await own.stop();
    });

    it("is told when the server stops", async () => {
      const own = await startTestServer();
      const raw = await RawWebSocket.open(own.webPort);
      const stopped = own.stop();
      assert.equal((await endOf(raw)).condition, "system-shutdown");
      await stopped;
    });
  });

  describe("where TLS is required", () => {
    let strict: TestServer;
    before(async () => {
      strict = await startTestServer({
        tls: { required: true },
        auth: { plainWithoutTls: false },
        http: { trustedProxies: ["127.0.0.2"] },
      });
    });
    after(() => strict.stop());

    async function mechanisms(headers: Record<string, string>): Promise<boolean> {
      const raw = await RawWebSocket.open(strict.webPort, headers);
      const features = await raw.next();
      raw.ws.terminate();
      return features.getChild("mechanisms", NS_SASL) !== undefined;
    }

    it("lets clients of this machine log in", async () => {
      assert.equal(await mechanisms({}), true);
    });

    it("offers nothing to whom somebody unknown forwards, whatever he says", async () => {
      assert.equal(await mechanisms({ "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https" }), false);
    });
  });
});
