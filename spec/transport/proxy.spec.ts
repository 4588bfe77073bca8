import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { ReverseProxy } from "../support/reverse-proxy.js";
import { auth, NS_SASL } from "../support/scram.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { post, RawBosh } from "./bosh/support.js";
import { OPEN, RawWebSocket } from "./websocket-support.js";

const PASSWORD = "password";
/** Where the server sees the proxy. Clients are at other addresses of this machine's loopback network. */
const PROXY = "127.0.0.2";

/** One way to log in, from an address of one's own. */
interface Door {
  /** Begins a session. @returns the mechanisms offered; undefined when nobody may log in like this. */
  mechanisms(port: number, from: string, headers?: Record<string, string>): Promise<string[] | undefined>;
  /** Whether a password is taken; the session ends afterwards. */
  logIn(port: number, from: string, password: string, headers?: Record<string, string>): Promise<boolean>;
  /** Whether one more may begin, beside what is there already; it stays. */
  enters(port: number, from: string, headers?: Record<string, string>): Promise<boolean>;
  /** Ends what stayed. */
  leave(): Promise<void>;
}

const guess = (password: string) => auth("PLAIN", Buffer.from(`\0romeo\0${password}`));

function webSocketDoor(): Door {
  const staying: RawWebSocket[] = [];
  const begin = (port: number, from: string, headers = {}) =>
    RawWebSocket.to(`ws://127.0.0.1:${port}/ws`, { localAddress: from, headers });
  return {
    async mechanisms(port, from, headers) {
      const raw = await begin(port, from, headers);
      await raw.ask(OPEN);
      const found = (await raw.next()).getChild("mechanisms", NS_SASL);
      raw.ws.terminate();
      return found?.getChildren("mechanism").map((one) => one.getText());
    },
    async logIn(port, from, password, headers) {
      const raw = await begin(port, from, headers);
      await raw.ask(OPEN);
      await raw.next();
      const outcome = await raw.ask(guess(password));
      raw.ws.terminate();
      return outcome.is("success");
    },
    async enters(port, from, headers) {
      try {
        staying.push(await begin(port, from, headers));
        return true;
      } catch (error) {
        assert.match(String(error), /429/);
        return false;
      }
    },
    async leave() {
      const left = staying.splice(0);
      for (const { ws } of left) ws.terminate();
      await Promise.all(left.map(({ closed }) => closed));
    },
  };
}

function boshDoor(): Door {
  const staying: RawBosh[] = [];
  const begin = (port: number, from: string, headers?: Record<string, string>) =>
    RawBosh.begin(port, {}, { from, headers });
  return {
    async mechanisms(port, from, headers) {
      const session = await begin(port, from, headers);
      const features = session.created.body.getChild("features", "http://etherx.jabber.org/streams");
      const found = features?.getChild("mechanisms", NS_SASL);
      await session.send("", { type: "terminate" });
      return found?.getChildren("mechanism").map((one) => one.getText());
    },
    async logIn(port, from, password, headers) {
      const session = await begin(port, from, headers);
      const { body } = await session.send(guess(password));
      await session.send("", { type: "terminate" });
      return body.getChild("success", NS_SASL) !== undefined;
    },
    async enters(port, from, headers) {
      const session = await begin(port, from, headers);
      const { attrs } = session.created.body;
      if (attrs.type === undefined) staying.push(session);
      else assert.equal(attrs.condition, "policy-violation");
      return attrs.type === undefined;
    },
    async leave() {
      for (const session of staying.splice(0)) await session.send("", { type: "terminate" });
    },
  };
}

for (const [name, makeDoor] of [
  ["WebSocket", webSocketDoor],
  ["BOSH", boshDoor],
] as const) {
  describe(`${name} behind a reverse proxy`, () => {
    let server: TestServer;
    let proxy: ReverseProxy;
    let door: Door;
    beforeEach(async () => {
      door = makeDoor();
      server = await startTestServer({
        tls: { required: true },
        auth: { plainWithoutTls: false, attemptsPerAddress: { count: 2, window: "1h" } },
        http: { trustedProxies: [PROXY] },
        stream: { maxConnectionsPerAddress: 3 },
      });
      await server.createAccount(Jid.parse("romeo@localhost"), PASSWORD);
      proxy = await ReverseProxy.start({ backend: server.webPort, at: PROXY, proto: "https" });
    });
    afterEach(async () => {
      await door.leave();
      await proxy.stop();
      await server.stop();
    });

    it("lets clients log in that came to the proxy over TLS, without channel binding", async () => {
      const offered = await door.mechanisms(proxy.port, "127.0.0.3");
      assert.ok(offered?.includes("PLAIN"));
      assert.deepEqual(
        offered?.filter((mechanism) => mechanism.endsWith("-PLUS")),
        [],
      );
      assert.equal(await door.logIn(proxy.port, "127.0.0.3", PASSWORD), true);
    });

    it("offers no login to clients that came to the proxy in plain text", async () => {
      const plain = await ReverseProxy.start({ backend: server.webPort, at: PROXY, proto: "http" });
      try {
        assert.equal(await door.mechanisms(plain.port, "127.0.0.3"), undefined);
      } finally {
        await plain.stop();
      }
    });

    it("counts failed logins by the client's address, not the proxy's", async () => {
      for (let n = 0; n < 2; n++) assert.equal(await door.logIn(proxy.port, "127.0.0.3", "wrong"), false);
      assert.equal(await door.logIn(proxy.port, "127.0.0.3", PASSWORD), false);
      assert.equal(await door.logIn(proxy.port, "127.0.0.4", PASSWORD), true);
    });

    it("does not let a client change its address by what it says itself", async () => {
      for (let n = 0; n < 2; n++) {
        const headers = { "X-Forwarded-For": `203.0.113.${n}` };
        assert.equal(await door.logIn(proxy.port, "127.0.0.3", "wrong", headers), false);
      }
      const headers = { "X-Forwarded-For": "203.0.113.77" };
      assert.equal(await door.logIn(proxy.port, "127.0.0.3", PASSWORD, headers), false);
    });

    it("believes nobody who is no proxy of ours", async () => {
      const headers = { "X-Forwarded-For": "203.0.113.5", "X-Forwarded-Proto": "https" };
      assert.equal(await door.mechanisms(server.webPort, "127.0.0.3", headers), undefined);
    });

    it("bounds what comes from one client's address, while others come in through the same proxy", async () => {
      for (let n = 0; n < 3; n++) assert.equal(await door.enters(proxy.port, "127.0.0.3"), true);
      assert.equal(await door.enters(proxy.port, "127.0.0.3"), false);
      for (let n = 0; n < 3; n++) assert.equal(await door.enters(proxy.port, "127.0.0.4"), true);
      await door.leave();
      // Who has left makes room: the proxy is what tells the server so.
      let again = false;
      for (const until = Date.now() + 5000; !again && Date.now() < until; )
        again = await door.enters(proxy.port, "127.0.0.3");
      assert.equal(again, true);
    });
  });
}

describe("A BOSH session behind a reverse proxy", () => {
  it("goes on for a client whose address changes, and is nobody's who comes past the proxy", async () => {
    const server = await startTestServer({ http: { trustedProxies: [PROXY] } });
    const proxy = await ReverseProxy.start({ backend: server.webPort, at: PROXY, proto: "https" });
    try {
      const session = await RawBosh.begin(proxy.port, {}, { from: "127.0.0.3" });
      const { rid } = session;
      const past = await post(server.webPort, session.text("", {}, rid), { from: "127.0.0.3" });
      assert.equal(past.body.attrs.condition, "item-not-found");
      const elsewhere = await session.send("", { type: "terminate" }, { from: "127.0.0.4" });
      assert.deepEqual([elsewhere.body.attrs.type, elsewhere.body.attrs.condition], ["terminate", undefined]);
    } finally {
      await proxy.stop();
      await server.stop();
    }
  });
});
