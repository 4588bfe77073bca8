import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Jid } from "../../src/xmpp/jid.js";
import { auth, conditionOf, header, NS_SASL, RawClient, until } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const PASSWORD = "secret";
const MIB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What a client can do that no honest one does. Whatever it is, others are served, and little is kept of it. */
describe("A hostile client", () => {
  let test: TestServer;
  let nurse: RawClient;

  before(async () => {
    test = await startTestServer({
      stream: { closeTimeout: "200ms", sendBuffer: "64 KiB" },
      // All of it comes from one address.
      auth: { attemptsPerAddress: { count: 100_000, window: "1h" } },
    });
    for (const name of ["romeo", "nurse", "hoarder"])
      await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
    nurse = await bound("nurse");
  });
  after(async () => {
    await nurse.drop();
    await test.stop();
  });
  /** Whatever happened: somebody else is served, and of the hostile one no session is left. */
  afterEach(async () => {
    await nurse.ping();
    await until(() => test.server.registry.size === 1, "only the nurse is left");
  });

  async function bound(name: string): Promise<RawClient> {
    const client = await RawClient.open(test.port);
    await client.login(name, test.domain, PASSWORD);
    await client.bind();
    return client;
  }

  async function begun(): Promise<RawClient> {
    const client = await RawClient.open(test.port);
    await client.header(test.domain);
    return client;
  }

  /** The longest that the nurse has to wait for an answer, ms, while `work` goes on. */
  async function longestWait(work: Promise<unknown>): Promise<number> {
    let over = false;
    const done = work.finally(() => {
      over = true;
    });
    let longest = 0;
    while (!over) {
      const asked = performance.now();
      await nurse.ping();
      longest = Math.max(longest, performance.now() - asked);
    }
    await done;
    return longest;
  }

  describe("that does not log in", () => {
    const STANZAS: Record<string, string> = {
      "a message": "<message to='nurse@localhost' id='early'><body>hark</body></message>",
      presence: "<presence to='nurse@localhost' id='early'/>",
      "an iq": "<iq type='get' id='early' to='nurse@localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
      "stream management": "<enable xmlns='urn:xmpp:sm:3' resume='true'/>",
    };
    for (const [what, text] of Object.entries(STANZAS)) {
      it(`and sends ${what} is refused, and nobody gets it`, async () => {
        const client = await begun();
        client.write(text);
        assert.match(await client.streamError(), /^(not-authorized|unsupported-stanza-type)$/);
        await client.closed;
        await nurse.ping();
        assert.ok(!nurse.mailbox.some(({ attrs }) => attrs.id === "early"));
      });
    }

    it("cannot have a thousand exchanges begun on one connection", async () => {
      const client = await begun();
      const begin = auth("SCRAM-SHA-256", Buffer.from("n,,n=romeo,r=abc"));
      client.write(begin.repeat(1000));
      assert.equal(await client.streamError(), "policy-violation");
      await client.closed;
      const answers = client.mailbox.filter((element) => element.getNS() === NS_SASL);
      assert.ok(answers.length < 50, `${answers.length} answers`);
    });

    it("cannot begin and abort for ever", async () => {
      const client = await begun();
      const begin = auth("SCRAM-SHA-256", Buffer.from("n,,n=romeo,r=abc"));
      client.write(`${begin}<abort xmlns='${NS_SASL}'/>`.repeat(1000));
      assert.equal(await client.streamError(), "policy-violation");
      await client.closed;
    });

    it("has nothing of an exchange left when it begins another", async () => {
      const client = await begun();
      client.write(auth("SCRAM-SHA-256", Buffer.from("n,,n=romeo,r=abc")));
      assert.ok((await client.named("challenge")).is("challenge"));
      client.write(auth("PLAIN", Buffer.from("\0romeo\0wrong")));
      assert.equal(conditionOf(await client.named("failure")), "not-authorized");
      client.write(`<response xmlns='${NS_SASL}'>Yz1iaXdz</response>`);
      assert.equal(conditionOf(await client.named("failure")), "malformed-request");
      assert.ok((await client.scram("SCRAM-SHA-256", { name: "romeo", password: PASSWORD })).is("success"));
      await client.drop();
    });

    it("cannot restart its stream as often as it likes", async () => {
      const client = await begun();
      client.write(header(test.domain).repeat(1000));
      assert.match(await client.streamError(), /^(bad-format|not-well-formed|restricted-xml)$/);
      await client.closed;
      assert.equal(client.headers.length, 1);
    });

    it("is given up when it closes its side, at whatever point", async () => {
      const whole = `${header(test.domain)}${auth("SCRAM-SHA-256", Buffer.from("n,,n=romeo,r=abc"))}`;
      for (let length = 0; length < whole.length; length += 37) {
        const client = await RawClient.open(test.port);
        client.write(whole.slice(0, length));
        client.fin();
        await client.closed;
      }
    });
  });

  describe("with something huge before its login", () => {
    const opening = () => header(test.domain).replace(/>$/, "");
    const HUGE: Record<string, () => string> = {
      "an attribute of the header": () => `${opening()} a='${"x".repeat(MIB)}`,
      "the name of an attribute": () => `${opening()} ${"a".repeat(MIB)}`,
      "the name of an element": () => `${header(test.domain)}<${"a".repeat(MIB)}`,
      "a thousand attributes": () =>
        `${header(test.domain)}<a ${Array.from({ length: 1000 }, (_, n) => `a${n}=''`).join(" ")}/>`,
      "a thousand namespaces": () =>
        `${opening()} ${Array.from({ length: 1000 }, (_, n) => `xmlns:a${n}='urn:${n}'`).join(" ")}>`,
      "a reference": () => `${header(test.domain)}<a>&${"a".repeat(MIB)}`,
      "white space in a tag": () => `${header(test.domain)}<a ${" ".repeat(MIB)}`,
    };
    for (const [what, text] of Object.entries(HUGE)) {
      it(`${what}: is ended long before it is whole`, async () => {
        const client = await RawClient.open(test.port);
        client.write(text());
        assert.match(await client.streamError(), /^(policy-violation|restricted-xml|not-well-formed)$/);
        await client.closed;
      });
    }
  });

  describe("that has logged in", () => {
    it("and binds again keeps the resource it has, and no other", async () => {
      const romeo = await bound("romeo");
      const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";
      romeo.write(Array.from({ length: 200 }, (_, n) => `<iq type='set' id='b${n}'>${bind}</iq>`).join(""));
      for (let n = 0; n < 200; n++) assert.equal((await romeo.withId(`b${n}`)).attrs.type, "error");
      assert.equal(test.server.registry.of(Jid.parse(`romeo@${test.domain}`)).length, 1);
      await romeo.drop();
    });

    it("and asks for a large roster, again and again, without reading it, is cut before it has filled the memory", async function () {
      this.timeout(60_000);
      const hoarder = await bound("hoarder");
      const groups = Array.from({ length: 12 }, (_, n) => `<group>${String(n).padEnd(250, "g")}</group>`);
      for (let n = 0; n < 1000; n += 10) {
        const sets = Array.from({ length: 10 }, (_, m) => {
          const item = `<item jid='c${n + m}@example.org' name='${"n".repeat(250)}'>${groups.join("")}</item>`;
          return `<iq type='set' id='r${n + m}'><query xmlns='jabber:iq:roster'>${item}</query></iq>`;
        });
        hoarder.write(sets.join(""));
        assert.equal((await hoarder.withId(`r${n + 9}`)).attrs.type, "result");
      }
      // About three megabytes each.
      collect();
      const before = process.memoryUsage().rss;
      hoarder.freeze();
      hoarder.write("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>".repeat(900));
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss - before);
      }, 20);
      const account = Jid.parse(`hoarder@${test.domain}`);
      const began = performance.now();
      const longest = await longestWait(
        until(() => test.server.registry.of(account).length === 0, "the hoarder is cut"),
      );
      clearInterval(watch);
      const took = performance.now() - began;
      assert.ok(most < 100 * MIB, `${Math.round(most / MIB)} MiB`);
      assert.ok(longest < 2000, `somebody else waited ${Math.round(longest)} ms`);
      assert.ok(took < 5000, `it went on for ${Math.round(took)} ms`);
      await hoarder.drop();
    });

    it("and changes its presence all the time does not have its whole roster read for it each time", async () => {
      const hoarder = await bound("hoarder");
      const began = performance.now();
      hoarder.write("<presence/>".repeat(500));
      const longest = await longestWait(hoarder.ping());
      assert.ok(longest < 2000, `somebody else waited ${Math.round(longest)} ms`);
      // Reading those three megabytes takes some tens of milliseconds.
      assert.ok(performance.now() - began < 5000, `it took ${Math.round(performance.now() - began)} ms`);
      await hoarder.drop();
    });

    it("and sends more than it is allowed after its footer is not heard", async () => {
      const romeo = await bound("romeo");
      const jid = test.server.registry.of(Jid.parse(`nurse@${test.domain}`))[0].jid.text;
      romeo.write(`</stream:stream><message to='${jid}' id='late'><body>hark</body></message>`);
      await romeo.closed;
      await nurse.ping();
      assert.ok(!nurse.mailbox.some(({ attrs }) => attrs.id === "late"));
    });

    it("and floods the server with stanzas of every kind does not keep it from others", async function () {
      this.timeout(60_000);
      const romeo = await bound("romeo");
      const jid = test.server.registry.of(Jid.parse(`romeo@${test.domain}`))[0].jid.text;
      const mixed = [
        "<presence/>",
        "<presence><priority>-1</priority></presence>",
        "<presence to='nurse@localhost' type='subscribe'/>",
        "<presence to='nurse@localhost' type='unsubscribe'/>",
        `<message to='${jid}'><body>hark</body></message>`,
        "<message to='nobody@localhost'><body>hark</body></message>",
        "<iq type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        "<iq type='get' id='i' to='nurse@localhost/none'><x xmlns='urn:example:x'/></iq>",
        "<iq type='set' id='i'><query xmlns='jabber:iq:private'><x xmlns='urn:example:x'/></query></iq>",
      ].join("");
      const flood = async () => {
        for (let round = 0; round < 40; round++) await romeo.writeAll(mixed.repeat(5));
        await romeo.ping();
      };
      const longest = await longestWait(flood());
      assert.ok(longest < 2000, `somebody else waited ${Math.round(longest)} ms`);
      await romeo.drop();
    });
  });
});
