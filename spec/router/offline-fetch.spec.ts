import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { chat, RawClient } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const COUNT = 120;

describe("What waited for a client that does not acknowledge stanzas", function () {
  this.timeout(30_000);
  let server: TestServer;
  let romeo: RawClient;
  const clients: RawClient[] = [];
  const ids = Array.from({ length: COUNT }, (_, i) => `m${i}`);

  beforeEach(async () => {
    server = await startTestServer();
    for (const name of ["romeo", "juliet"]) await server.createAccount(Jid.of(name, server.domain), "secret");
    romeo = await login("romeo");
    for (const id of ids) romeo.write(chat(`juliet@${server.domain}`, id));
    await romeo.ping();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.drop();
    await server.stop();
  });

  async function login(name: string): Promise<RawClient> {
    const client = await RawClient.open(server.port);
    clients.push(client);
    await client.login(name, server.domain, "secret");
    await client.bind("spec");
    return client;
  }

  const pingOf = (client: RawClient) => client.next((one) => one.is("iq") && one.attrs.type === "get");
  const heard = (client: RawClient) =>
    client.mailbox.filter((one) => one.is("message")).map(({ attrs }) => attrs.id);

  it("waits on when the connection breaks before it has read it", async () => {
    const juliet = await login("juliet");
    juliet.answersPings = false;
    juliet.write("<presence/>");
    // It has come, but whether she has seen it she does not say.
    await pingOf(juliet);
    await juliet.reset();
    const again = await login("juliet");
    again.write("<presence/>");
    await again.withId(ids.at(-1) as string);
    assert.deepEqual(heard(again), ids.slice(0, -1));
  });

  it("is not given twice when it has closed its stream in order", async () => {
    const juliet = await login("juliet");
    juliet.answersPings = false;
    juliet.write("<presence/>");
    await pingOf(juliet);
    await juliet.close();
    const first = heard(juliet);
    assert.ok(first.length > 0 && first.length < COUNT, `${first.length}`);
    const again = await login("juliet");
    again.write("<presence/>");
    await again.withId(ids.at(-1) as string);
    assert.deepEqual([...first, ...heard(again)], ids.slice(0, -1));
  });

  it("is not given twice when it has read it, whatever it answers", async () => {
    const juliet = await login("juliet");
    juliet.answersPings = false;
    juliet.write("<presence/>");
    for (let page = 0; page < 3; page++) {
      const { attrs } = await pingOf(juliet);
      const error =
        "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
      juliet.write(`<iq type='error' id='${attrs.id}' to='${attrs.from}'>${error}</iq>`);
    }
    await juliet.ping();
    assert.deepEqual(heard(juliet), ids);
    await juliet.reset();
    const again = await login("juliet");
    again.write("<presence/>");
    romeo.write(chat(`juliet@${server.domain}`, "fresh"));
    assert.equal((await again.named("message")).attrs.id, "fresh");
  });
});
