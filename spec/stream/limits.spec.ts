import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Jid } from "../../src/xmpp/jid.js";
import { auth, chat, header, RawClient, takePlaces, until } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const PASSWORD = "secret";
const KIB = 1024;
const NS_LIMITS = "urn:xmpp:stream-limits:0";

const count = (kind: string) => process.getActiveResourcesInfo().filter((name) => name === kind).length;

describe("What one client may take", () => {
  let test: TestServer;

  async function start(stream: Record<string, unknown> = {}): Promise<void> {
    test = await startTestServer({ stream: { closeTimeout: "100ms", ...stream } });
    for (const name of ["romeo", "juliet", "nurse"])
      await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
  }
  afterEach(() => test.stop());

  async function bound(name: string): Promise<RawClient> {
    const client = await RawClient.open(test.port);
    await client.login(name, test.domain, PASSWORD);
    await client.bind();
    return client;
  }

  /** Two others who talk while something is going on with a third: a message each way, so often. */
  async function talk(romeo: RawClient, nurse: RawClient, rounds: number): Promise<void> {
    for (let i = 0; i < rounds; i++) {
      romeo.write(chat(`nurse@${test.domain}`, `there ${i}`));
      await nurse.withId(`there ${i}`);
      nurse.write(chat(`romeo@${test.domain}`, `back ${i}`));
      await romeo.withId(`back ${i}`);
    }
  }

  async function present(name: string): Promise<RawClient> {
    const client = await bound(name);
    client.write("<presence/>");
    await client.named("presence");
    return client;
  }

  describe("in time", () => {
    for (const [title, stage] of Object.entries({
      "says nothing at all": async () => undefined,
      "begins no more than a header": async (client: RawClient) =>
        client.write("<?xml version='1.0'?><stream:st"),
      "begins a stream and waits": async (client: RawClient) => client.header(test.domain),
      "begins a login and waits": async (client: RawClient) => {
        await client.header(test.domain);
        client.write(auth("SCRAM-SHA-1", Buffer.from("n,,n=romeo,r=abc")));
        await client.named("challenge");
      },
      "sends white space": async (client: RawClient) => {
        await client.header(test.domain);
        const timer = setInterval(() => client.write(" "), 50);
        void client.closed.then(() => clearInterval(timer));
      },
      "logs in and binds nothing": async (client: RawClient) => client.login("romeo", test.domain, PASSWORD),
    })) {
      it(`a client that ${title} is cut`, async () => {
        await start({ unauthenticatedTimeout: "1s" });
        const client = await RawClient.open(test.port);
        await stage(client);
        assert.equal(await client.streamError(), "connection-timeout");
        await client.closed;
        assert.ok(client.footer);
      });
    }

    it("a client that has bound a resource may be silent", async () => {
      await start({ unauthenticatedTimeout: "1s" });
      const romeo = await bound("romeo");
      // Until after the time for a login that was begun later.
      const other = await RawClient.open(test.port);
      await other.closed;
      await romeo.ping();
      await romeo.drop();
    });
  });

  describe("in size", () => {
    beforeEach(() =>
      start({ maxUnauthenticatedStanzaSize: "12 KiB", maxStanzaSize: "40 KiB", idleTimeout: "1h" }),
    );

    it("is told before and after login as it holds", async () => {
      const client = await RawClient.open(test.port);
      const before = (await client.header(test.domain)).getChild("limits", NS_LIMITS);
      assert.equal(before?.getChildText("max-bytes"), String(12 * KIB));
      assert.equal(before?.getChildText("idle-seconds"), "3600");
      const after = (await client.plain("romeo", test.domain, PASSWORD)).getChild("limits", NS_LIMITS);
      assert.equal(after?.getChildText("max-bytes"), String(40 * KIB));
      await client.drop();
    });

    for (const max of [12 * KIB, 40 * KIB]) {
      const title = max === 12 * KIB ? "before" : "after";
      const sized = (size: number) => {
        const [head, tail] =
          title === "before"
            ? ["<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='", "'/>"]
            : ["<message id='sized' to='romeo@localhost' type='headline'><body>", "</body></message>"];
        return head + "x".repeat(size - head.length - tail.length) + tail;
      };
      const ready = async () => {
        if (title === "after") return present("romeo");
        const client = await RawClient.open(test.port);
        await client.header(test.domain);
        return client;
      };

      it(`takes an element of the size that is told, ${title} login`, async () => {
        const client = await ready();
        client.write(sized(max));
        await (title === "before" ? client.named("failure") : client.withId("sized"));
        assert.ok(!client.isClosed);
        await client.drop();
      });

      it(`refuses one byte more, ${title} login, at once or in pieces`, async () => {
        for (const piece of [max + 1, 1000]) {
          const client = await ready();
          const text = sized(max + 1);
          for (let at = 0; at < text.length; at += piece) await client.writeAll(text.slice(at, at + piece));
          assert.equal(await client.streamError(), "policy-violation");
          await client.closed;
        }
      });

      it(`refuses what goes on for ever before it is whole, ${title} login`, async () => {
        const client = await ready();
        client.write("<message><body>");
        for (let i = 0; i < 100 && client.socket.writable; i++) await client.writeAll("y".repeat(4096));
        assert.equal(await client.streamError(), "policy-violation");
        await client.closed;
      });
    }

    it("counts no keep-alive, however many", async () => {
      const client = await present("romeo");
      for (let i = 0; i < 50; i++) await client.writeAll(" ".repeat(100_000));
      await client.ping();
      await client.drop();
    });

    it("keeps no more than the cap of each of those who stop in the middle", async () => {
      const heap = () => process.memoryUsage().heapUsed + process.memoryUsage().external;
      const clients: RawClient[] = [];
      for (let i = 0; i < 200; i++) clients.push(await RawClient.open(test.port));
      for (const client of clients) await client.header(test.domain);
      collect();
      const before = heap();
      const half = `<message><body>${"z".repeat(11 * KIB)}`;
      await Promise.all(clients.map((client) => client.writeAll(half)));
      const other = await present("romeo");
      await other.ping();
      collect();
      const grown = heap() - before;
      assert.ok(grown < 200 * 4 * 12 * KIB, `${grown} bytes for 200 clients`);
      await Promise.all([...clients, other].map((client) => client.drop()));
    });
  });

  describe("of what others want to send it", () => {
    /** More than the operating system takes for a client that does not read. */
    const FLOOD = 24_000;
    const BODY = "w".repeat(1000);

    it("is no more than the bound: a client that does not read is cut, and its messages wait for it", async () => {
      await start({ sendBuffer: "64 KiB" });
      const [juliet, romeo, nurse] = [
        await present("juliet"),
        await present("romeo"),
        await present("nurse"),
      ];
      const got = new Set<string>();
      juliet.onElement = ({ attrs }) => got.add(attrs.id);
      juliet.freeze();
      const talking = talk(romeo, nurse, 50);
      for (let i = 0; i < FLOOD; i++) {
        romeo.write(chat(`juliet@${test.domain}`, `m${i}`, BODY));
        if (i % 100 === 0) await romeo.ping();
        if (test.server.registry.of(Jid.parse(`juliet@${test.domain}`)).length === 0) break;
      }
      await romeo.ping();
      const last = `end`;
      romeo.write(chat(`juliet@${test.domain}`, last));
      await romeo.ping();
      assert.equal(test.server.registry.of(Jid.parse(`juliet@${test.domain}`)).length, 0, "juliet was cut");
      await talking;
      // What the operating system had taken for her may be lost: she does not acknowledge. The rest waited.
      const again = await bound("juliet");
      const waited: string[] = [];
      again.onElement = (element) => {
        if (element.is("message")) waited.push(element.attrs.id);
      };
      again.write("<presence/>");
      await again.withId(last);
      assert.ok(waited.length > 1);
      const numbers = waited.slice(0, -1).map((id) => Number(id.slice(1)));
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => numbers[0] + i),
        "in order, without a gap",
      );
      await Promise.all([juliet, romeo, nurse, again].map((client) => client.drop()));
    });

    it("does not cut a client that reads, however much comes at once", async () => {
      await start({ sendBuffer: "64 KiB", maxStanzaSize: "256 KiB" });
      const romeo = await present("romeo");
      const big = "v".repeat(200 * KIB);
      // Offline first, then live.
      for (let i = 0; i < 60; i++) romeo.write(chat(`juliet@${test.domain}`, `big${i}`, big));
      await romeo.ping();
      const juliet = await bound("juliet");
      juliet.write("<presence/>");
      for (let i = 0; i < 60; i++) assert.equal((await juliet.named("message")).attrs.id, `big${i}`);
      for (let i = 0; i < 20; i++) romeo.write(chat(`juliet@${test.domain}`, `live${i}`, big));
      for (let i = 0; i < 20; i++) assert.equal((await juliet.named("message")).attrs.id, `live${i}`);
      await Promise.all([romeo.drop(), juliet.drop()]);
    });

    it("includes the answers to what it asks itself without reading them", async () => {
      await start({ sendBuffer: "64 KiB" });
      const [romeo, nurse, juliet] = [
        await present("romeo"),
        await present("nurse"),
        await present("juliet"),
      ];
      juliet.freeze();
      const ask =
        "<iq type='get' id='ask'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>".repeat(200);
      const flooding = (async () => {
        for (let i = 0; i < 1000 && juliet.socket.writable; i++) {
          await Promise.race([juliet.writeAll(ask), juliet.closed]);
          if (test.server.registry.of(Jid.parse(`juliet@${test.domain}`)).length === 0) return;
        }
      })();
      await talk(romeo, nurse, 100);
      await flooding;
      assert.equal(test.server.registry.of(Jid.parse(`juliet@${test.domain}`)).length, 0);
      await Promise.all([juliet, romeo, nurse].map((client) => client.drop()));
    });
  });

  describe("in connections", () => {
    it("is as many as one address may have, and is free again when they are gone, however they went", async () => {
      await start({ maxConnectionsPerAddress: 10 });
      for (const end of ["drop", "reset", "close", "starttls"] as const) {
        const all = await takePlaces(test.port, test.domain, 10);
        const refused = await RawClient.open(test.port);
        await refused.closed;
        assert.equal(refused.headers.length, 0);
        for (const client of all) {
          if (end === "starttls") {
            await client.startTls(test.domain);
            await client.drop();
          } else await client[end]();
        }
      }
    });

    it("leaves nothing behind: 10,000 that come and go at any stage", async function () {
      this.timeout(60_000);
      await start();
      const stay = await present("romeo");
      const [timers, sockets] = [count("Timeout"), count("TCPSocketWrap")];
      const stages = [
        async () => undefined,
        async (client: RawClient) => client.writeAll(header(test.domain)),
        async (client: RawClient) => client.header(test.domain),
        async (client: RawClient) =>
          client.writeAll(
            `${header(test.domain)}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>`,
          ),
        async (client: RawClient) =>
          client.writeAll(header(test.domain) + auth("SCRAM-SHA-1", Buffer.from("n,,n=romeo,r=abc"))),
        async (client: RawClient) => client.writeAll("<<< no xml"),
      ];
      for (let batch = 0; batch < 100; batch++) {
        await Promise.all(
          Array.from({ length: 100 }, async (_, i) => {
            const client = await RawClient.open(test.port);
            await stages[i % stages.length](client);
            if (i % 3 === 0) await client.reset();
            else if (i % 3 === 1) await client.drop();
            else {
              client.fin();
              await client.closed;
            }
          }),
        );
      }
      // Each stream has a timer for its login, and each connection a socket.
      await until(
        () => count("Timeout") <= timers && count("TCPSocketWrap") <= sockets,
        "timers and sockets are gone",
      );
      assert.equal(test.server.registry.size, 1);
      await stay.ping();
      await stay.drop();
    });
  });

  it("is dealt with as the first: a stanza that comes byte by byte", async () => {
    await start();
    const romeo = await RawClient.open(test.port);
    for (const byte of Buffer.from(header(test.domain))) await romeo.writeAll(Buffer.of(byte));
    await romeo.named("features");
    for (const byte of Buffer.from(auth("PLAIN", Buffer.from(`\0romeo\0${PASSWORD}`))))
      await romeo.writeAll(Buffer.of(byte));
    await romeo.named("success");
    await romeo.header(test.domain);
    await romeo.bind();
    romeo.write("<presence/>");
    await romeo.named("presence");
    const text = "é€𝄞 & <";
    for (const byte of Buffer.from(chat(`romeo@${test.domain}`, "slow", text)))
      await romeo.writeAll(Buffer.of(byte));
    assert.equal((await romeo.withId("slow")).getChildText("body"), text);
    await romeo.drop();
  });

  it("is what stands before an error: what stands behind it in the same segment is not handled", async () => {
    await start();
    const [romeo, juliet] = [await present("romeo"), await present("juliet")];
    const to = `juliet@${test.domain}`;
    romeo.write(`${chat(to, "1")}${chat(to, "2")}<message><body></message>${chat(to, "3")}`);
    assert.equal(await romeo.streamError(), "not-well-formed");
    await romeo.closed;
    assert.equal((await juliet.named("message")).attrs.id, "1");
    assert.equal((await juliet.named("message")).attrs.id, "2");
    // Behind them in the order, from somebody else.
    const nurse = await present("nurse");
    nurse.write(chat(to, "4"));
    assert.equal((await juliet.named("message")).attrs.id, "4");
    await nurse.drop();
    await juliet.drop();
  });
});

/** Garbage is collected, so that what is left is what is held. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}
