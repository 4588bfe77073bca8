import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { auth, chat, conditionOf, NS_SM, RawClient, until } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const PASSWORD = "secret";

const ENDS: Record<string, (client: RawClient) => Promise<void>> = {
  "a footer": (client) => client.close(),
  "a FIN without a footer": async (client) => {
    client.fin();
    client.thaw();
    await client.closed;
  },
  "a reset": (client) => client.reset(),
  "the connection cut": (client) => client.drop(),
  "the connection cut in the middle of a stanza": async (client) => {
    await client.writeAll("<message to='juliet@localhost'><body>half of i");
    await client.drop();
  },
  rubbish: async (client) => {
    client.write("<<<");
    client.thaw();
    await client.closed;
  },
};

describe("The end of a client's connection", () => {
  let test: TestServer;
  let romeo: Jid;
  let juliet: RawClient;

  before(async () => {
    test = await startTestServer({ stream: { closeTimeout: "200ms" } });
    romeo = Jid.parse(`romeo@${test.domain}`);
    for (const name of ["romeo", "juliet"])
      await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
    juliet = await present("juliet");
    const other = await present("romeo");
    juliet.write(`<presence to='${romeo.text}' type='subscribe'/>`);
    await other.next(({ attrs }) => attrs.type === "subscribe");
    other.write(`<presence to='juliet@${test.domain}' type='subscribed'/>`);
    await juliet.next(({ name, attrs }) => name === "presence" && attrs.from.startsWith(romeo.text));
    await other.close();
    await gone();
  });
  after(async () => {
    await juliet.close();
    await gone(0);
    await test.stop();
  });
  beforeEach(() => {
    juliet.mailbox.length = 0;
  });

  async function loggedIn(name: string): Promise<RawClient> {
    const client = await RawClient.open(test.port);
    await client.login(name, test.domain, PASSWORD);
    return client;
  }

  async function bound(name: string, resource?: string): Promise<RawClient> {
    const client = await loggedIn(name);
    await client.bind(resource);
    return client;
  }

  async function present(name: string): Promise<RawClient> {
    const client = await bound(name);
    client.write("<presence/>");
    await client.named("presence");
    return client;
  }

  /** Romeo has no session any more. */
  function gone(left = 1): Promise<void> {
    return until(() => test.server.registry.size === left, `${left} sessions are left`);
  }

  /** What Juliet saw of Romeo, up to now. */
  async function seen(): Promise<string[]> {
    await juliet.ping();
    const came = juliet.mailbox.filter((element) => element.is("presence"));
    juliet.mailbox.length = 0;
    return came.map(({ attrs }) => attrs.type ?? "available");
  }

  /** Juliet hears of one resource of Romeo's by turns that it has come and that it has gone. */
  async function comeAndGone(resource: string): Promise<void> {
    const told: string[] = [];
    const take = () => {
      for (const { name, attrs } of juliet.mailbox.splice(0)) {
        if (name === "presence" && attrs.from === `${romeo.text}/${resource}`)
          told.push(attrs.type ?? "available");
      }
      return told.length > 0 && told.length % 2 === 0;
    };
    await until(take, `${resource} is gone`);
    for (const [i, one] of told.entries())
      assert.equal(one, i % 2 === 0 ? "available" : "unavailable", told.join(" "));
  }

  for (const [title, end] of Object.entries(ENDS)) {
    describe(`by ${title}`, () => {
      it("is told once to those who saw its presence", async () => {
        const client = await present("romeo");
        await end(client);
        await juliet.next(({ attrs }) => attrs.type === "unavailable");
        await gone();
        assert.deepEqual(await seen(), ["available"]);
      });

      it("is told to nobody before there was a presence", async () => {
        for (const stage of [
          () => RawClient.open(test.port),
          async () => {
            const client = await RawClient.open(test.port);
            await client.header(test.domain);
            client.write(auth("SCRAM-SHA-1", Buffer.from("n,,n=romeo,r=abc")));
            await client.named("challenge");
            return client;
          },
          () => loggedIn("romeo"),
          () => bound("romeo"),
        ]) {
          await end(await stage());
          await gone();
        }
        assert.deepEqual(await seen(), []);
      });

      it("loses nothing that was sent before, whether it was dealt with by then or not", async () => {
        const client = await bound("romeo");
        const ids = Array.from({ length: 20 }, (_, i) => `${title} ${i}`);
        await client.writeAll(
          // Waits for the database, so that what follows has to wait in the server.
          `<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>${ids.map((id) => chat(`juliet@${test.domain}`, id)).join("")}`,
        );
        // A client that leaves so quickly says it in order, or the system may throw its last words away.
        if (title === "a reset" || title.includes("cut")) await client.withId("roster");
        await end(client);
        for (const id of ids) assert.equal((await juliet.named("message")).attrs.id, id);
        await gone();
        assert.deepEqual(await seen(), []);
      });

      it("gives back what waited for it and was not acknowledged, in order and only that", async () => {
        const ids = Array.from({ length: 120 }, (_, i) => `waiting ${i}`);
        for (const id of ids) juliet.write(chat(romeo.text, id, `${id} ${"x".repeat(2000)}`));
        await juliet.ping();
        const client = await bound("romeo");
        client.write(`<enable xmlns='${NS_SM}'/><presence/>`);
        await client.named("enabled");
        await client.withId(ids[29]);
        const before = client.mailbox.filter(({ name }) => name === "presence").length;
        // The half of what was handed over first.
        await client.writeAll(`<a xmlns='${NS_SM}' h='${before + 30}'/>`);
        await client.ping();
        client.freeze();
        await end(client);
        await gone();
        const again = await present("romeo");
        for (const id of ids.slice(30)) assert.equal((await again.named("message")).attrs.id, id);
        await again.close();
        await gone();
      });
    });
  }

  it("does not throw when it meets the bind", async () => {
    for (let i = 0; i < 30; i++) {
      const client = await loggedIn("romeo");
      await client.writeAll(
        "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>r</resource></bind></iq><presence/>",
      );
      await (i % 2 ? client.reset() : client.drop());
    }
    await gone();
    await comeAndGone("r");
  });

  it("comes to nine of ten clients that bind one resource at the same moment, in order", async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => loggedIn("romeo")));
    const bind =
      "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind></iq><presence/>";
    for (const client of clients) client.write(bind);
    await until(() => clients.filter((client) => client.isClosed).length === 9, "nine have to go");
    for (const client of clients) {
      if (client.isClosed) assert.equal(await client.streamError(), "conflict");
    }
    await gone(2);
    const [winner] = clients.filter((client) => !client.isClosed);
    await winner.withId("b");
    winner.mailbox.length = 0;
    juliet.write(chat(romeo.withResource("balcony").text, "to the winner"));
    await winner.withId("to the winner");
    await winner.close();
    await gone();
    await comeAndGone("balcony");
  });

  it("comes to the sessions of an account that is removed while messages for it are under way", async () => {
    const nurse = `nurse@${test.domain}`;
    await test.server.accounts.add(nurse, PASSWORD);
    const [reads, frozen, early] = [await present("nurse"), await present("nurse"), await loggedIn("nurse")];
    frozen.freeze();
    for (let i = 0; i < 500; i++) juliet.write(chat(nurse, `n${i}`, "x".repeat(500)));
    await reads.withId("n10");
    await test.server.accounts.remove(nurse);
    assert.equal(await reads.streamError(), "not-authorized");
    await reads.closed;
    juliet.write(chat(nurse, "too late"));
    assert.equal(
      conditionOf((await juliet.withId("too late")).getChild("error") as never),
      "service-unavailable",
    );
    // Logged in, but not bound yet: there is nothing to bind to any more.
    early.write("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    assert.equal(await early.streamError(), "not-authorized");
    await frozen.drop();
    await gone();
    // A new account under the same name inherits nothing.
    await test.server.accounts.add(nurse, PASSWORD);
    const heir = await present("nurse");
    juliet.write(chat(nurse, "for the heir"));
    assert.equal((await heir.named("message")).attrs.id, "for the heir");
    await heir.close();
    await gone();
  });
});
