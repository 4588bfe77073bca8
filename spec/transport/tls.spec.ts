import assert from "node:assert/strict";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { createServer } from "node:net";
import { connect as connectTls } from "node:tls";
import { Jid } from "../../src/xmpp/jid.js";
import {
  auth,
  chat,
  conditionOf,
  mechanismsOf,
  NS_TLS,
  RawClient,
  takePlaces,
} from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const STARTTLS = `<starttls xmlns='${NS_TLS}'/>`;
const PASSWORD = "secret";
const PLAIN = auth("PLAIN", Buffer.from(`\0romeo\0${PASSWORD}`));

describe("TLS", () => {
  let test: TestServer;
  let direct: number;

  before(async () => {
    test = await startTestServer({
      tls: { required: true },
      auth: { plainWithoutTls: false },
      listen: [
        { type: "c2s", port: 0 },
        { type: "c2s-tls", port: 0 },
      ],
      stream: { unauthenticatedTimeout: "1s", closeTimeout: "100ms", maxConnectionsPerAddress: 40 },
    });
    direct = test.server.listening[1].port;
    for (const name of ["romeo", "juliet"])
      await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
  });
  after(() => test.stop());

  /** As many as the server takes from one address can connect: nothing was left behind. */
  async function hasAllPlaces(): Promise<void> {
    const all = await takePlaces(test.port, test.domain, 40);
    await Promise.all(all.map((client) => client.drop()));
  }

  async function started(): Promise<RawClient> {
    const [client] = await takePlaces(test.port, test.domain, 1);
    return client;
  }

  async function loggedIn(name: string): Promise<RawClient> {
    const client = await started();
    await client.startTls(test.domain);
    await client.plain(name, test.domain, PASSWORD);
    await client.bind();
    return client;
  }

  describe("by STARTTLS", () => {
    it("is all that is offered where it is required, and offered no more once it stands", async () => {
      const client = await RawClient.open(test.port);
      const before = await client.header(test.domain);
      assert.ok(before.getChild("starttls", NS_TLS)?.getChild("required"));
      assert.deepEqual(mechanismsOf(before), []);
      const after = await client.startTls(test.domain);
      assert.equal(after.getChild("starttls", NS_TLS), undefined);
      assert.ok(mechanismsOf(after).includes("PLAIN"));
      await client.drop();
    });

    it("does not let anybody log in before it", async () => {
      const client = await started();
      client.write(PLAIN);
      assert.equal(conditionOf(await client.named("failure")), "encryption-required");
      await client.drop();
    });

    for (const [title, injected] of Object.entries({
      "a login": PLAIN,
      "a login and a message": `${PLAIN}<message to='juliet@localhost'><body>injected</body></message>`,
      "a stanza": "<iq type='get' id='injected'><ping xmlns='urn:xmpp:ping'/></iq>",
      "a second request": STARTTLS,
      "a footer": "</stream:stream>",
      "half a stanza": "<message to='juliet@localhost'><body>inj",
      "what is no XML": "<<<",
    })) {
      it(`throws away ${title} that stands behind the request in plain text, and goes on`, async () => {
        const client = await started();
        client.write(STARTTLS + injected);
        await client.named("proceed");
        await client.handshake();
        const features = await client.header(test.domain);
        assert.ok(mechanismsOf(features).includes("PLAIN"), "nobody is logged in");
        assert.deepEqual(client.mailbox.map(String), []);
        await client.plain("romeo", test.domain, PASSWORD);
        await client.bind();
        await client.drop();
      });
    }

    it("throws away what was waiting to be dealt with behind the request", async () => {
      const client = await started();
      // A login is dealt with asynchronously, so what comes behind it in the segment has to wait.
      client.write(
        `${PLAIN}${STARTTLS}${PLAIN}<message to='juliet@localhost'><body>injected</body></message>`,
      );
      await client.named("proceed");
      client.mailbox.length = 0;
      await client.handshake();
      const features = await client.header(test.domain);
      assert.ok(mechanismsOf(features).includes("PLAIN"), "nobody is logged in");
      assert.deepEqual(client.mailbox.map(String), []);
      await client.drop();
    });

    it("is refused a second time, and after login", async () => {
      const client = await started();
      await client.startTls(test.domain);
      client.write(STARTTLS);
      assert.equal(await client.streamError(), "unsupported-stanza-type");
      await client.closed;
      const other = await loggedIn("romeo");
      other.write(STARTTLS);
      assert.equal(await other.streamError(), "unsupported-stanza-type");
      await other.closed;
    });

    it("ends the connection when no handshake follows, but rubbish", async () => {
      const client = await started();
      client.write(STARTTLS);
      await client.named("proceed");
      client.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await client.closed;
    });

    it("gives a handshake that is never finished no more time than a login, and keeps nothing of it", async () => {
      const all = await Promise.all(Array.from({ length: 30 }, started));
      for (const client of all) {
        client.write(STARTTLS);
        await client.named("proceed");
        // The head of a ClientHello that never comes.
        client.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]));
      }
      await Promise.all(all.map((client) => client.closed));
      await hasAllPlaces();
    });

    it("may be asked for by a client that is gone by then", async () => {
      for (let i = 0; i < 20; i++) {
        const client = await started();
        await client.writeAll(PLAIN + STARTTLS);
        await client.reset();
      }
      await hasAllPlaces();
    });

    it("leaves nothing behind when it ends at any stage of the handshake", async () => {
      // What a handshake sends, to be cut anywhere.
      const hello = await recordedHello();
      for (const cut of [0, 1, 5, 6, 11, 43, Math.floor(hello.length / 2), hello.length - 1, hello.length]) {
        for (const end of ["drop", "reset", "fin"] as const) {
          const client = await started();
          client.write(STARTTLS);
          await client.named("proceed");
          if (cut > 0) await client.writeAll(hello.subarray(0, cut));
          if (end === "fin") client.fin();
          else await client[end]();
          await client.closed;
        }
      }
      await hasAllPlaces();
      const client = await loggedIn("romeo");
      await client.ping();
      await client.drop();
    });

    it("survives rubbish in the middle of what is encrypted", async () => {
      const client = await loggedIn("romeo");
      const plain = await loggedIn("juliet");
      // Past the encryption, into the connection itself.
      const below = (client.tls as unknown as { _parent: { _handle: { fd: number } } })._parent;
      writeSync(below._handle.fd, "this is no TLS record");
      await client.closed;
      await plain.ping();
      await plain.drop();
    });
  });

  describe("versions", () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`${version} is accepted`, async () => {
        const client = await RawClient.openTls(direct, { minVersion: version, maxVersion: version });
        assert.equal(client.tls.getProtocol(), version);
        await client.login("romeo", test.domain, PASSWORD);
        await client.drop();
      });
    }

    for (const version of ["TLSv1", "TLSv1.1"] as const) {
      it(`${version} is refused`, async () => {
        const options = {
          minVersion: version,
          maxVersion: version,
          ciphers: "DEFAULT@SECLEVEL=0",
        } as const;
        await assert.rejects(
          RawClient.openTls(direct, options),
          /alert protocol version|SSL alert number 70/,
        );
      });
    }
  });

  describe("from the first byte", () => {
    it("agrees on the protocol xmpp-client", async () => {
      const client = await RawClient.openTls(direct, { ALPNProtocols: ["xmpp-client"] });
      assert.equal(client.tls.alpnProtocol, "xmpp-client");
      await client.login("romeo", test.domain, PASSWORD);
      await client.drop();
    });

    it("needs no agreement on a protocol", async () => {
      const client = await RawClient.openTls(direct);
      assert.equal(client.tls.alpnProtocol, false);
      await client.login("romeo", test.domain, PASSWORD);
      await client.drop();
    });

    it("is refused to those who want to speak something else", async () => {
      await assert.rejects(RawClient.openTls(direct, { ALPNProtocols: ["h2", "http/1.1"] }), {
        code: "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
      });
      await assert.rejects(RawClient.openTls(direct, { ALPNProtocols: ["xmpp-server"] }));
    });

    it("offers no STARTTLS, and refuses it", async () => {
      const client = await RawClient.openTls(direct);
      assert.equal((await client.header(test.domain)).getChild("starttls"), undefined);
      client.write(STARTTLS);
      assert.equal(await client.streamError(), "unsupported-stanza-type");
      await client.closed;
    });

    it("ends what speaks plain text", async () => {
      const client = await RawClient.open(direct);
      client.write("<?xml version='1.0'?><stream:stream>");
      await client.closed;
      assert.equal(client.headers.length, 0);
    });

    it("takes any server name, known or not, or none", async () => {
      for (const servername of [
        "localhost",
        "other.example",
        "",
        "a".repeat(250),
        "-",
        ".localhost",
        "xn--a",
      ]) {
        const client = await RawClient.openTls(direct, { servername });
        await client.login("romeo", test.domain, PASSWORD);
        await client.drop();
      }
    });

    it("takes a server name that is none without harm", async () => {
      const hello = await recordedHello("abcdefgh.example");
      for (const name of ["abc\0efgh.example", "*bcdefgh.example", "..cdefgh.exampl.", "[::1]fgh.exampl:"]) {
        const client = await RawClient.open(direct);
        const at = hello.indexOf("abcdefgh.example");
        const bent = Buffer.from(hello);
        bent.write(name, at, "latin1");
        client.write(bent);
        // The server's answer, a ServerHello or an alert.
        await Promise.race([once(client.socket, "data"), client.closed]);
        await client.drop();
      }
      const client = await RawClient.openTls(direct);
      await client.drop();
    });
  });

  describe("and what is cut in pieces", () => {
    it("carries characters that are split over records", async () => {
      const [romeo, juliet] = [await loggedIn("romeo"), await loggedIn("juliet")];
      const text = "é€𝄞".repeat(3);
      juliet.write("<presence/>");
      await juliet.named("presence");
      const stanza = Buffer.from(chat(`juliet@${test.domain}`, "split", text));
      for (const byte of stanza) await romeo.writeAll(Buffer.of(byte));
      assert.equal((await juliet.withId("split")).getChildText("body"), text);
      await Promise.all([romeo.drop(), juliet.drop()]);
    });
  });

  /** What a client sends first. */
  async function recordedHello(servername = "localhost"): Promise<Buffer> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const client = connectTls({ port, host: "127.0.0.1", servername });
    client.on("error", () => undefined);
    const [socket] = await once(server, "connection");
    const [hello] = await once(socket, "data");
    socket.destroy();
    client.destroy();
    server.close();
    return hello as Buffer;
  }
});
