import assert from "node:assert/strict";
import type { TLSSocket } from "node:tls";
import type { WebSocket } from "ws";
import { Jid } from "../../src/xmpp/jid.js";
import { RawClient } from "../support/raw-client.js";
import { NS_SASL, scram, type Talker } from "../support/scram.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { OPEN, RawWebSocket } from "./websocket-support.js";

const PASSWORD = "wherefore art thou";

/** A whole stream over TLS, as a browser has it on another machine: nothing of it is allowed without TLS. */
describe("XMPP over WebSocket over TLS", () => {
  let server: TestServer;
  let https: number;
  before(async () => {
    server = await startTestServer({
      listen: [
        { type: "c2s-tls", port: 0 },
        { type: "https", port: 0 },
      ],
      tls: { required: true },
      auth: { plainWithoutTls: false, iterations: 4096 },
    });
    https = server.server.listening[1].port;
    for (const name of ["romeo", "juliet"])
      await server.createAccount(Jid.parse(`${name}@localhost`), PASSWORD);
  });
  after(() => server.stop());

  async function open() {
    const raw = await RawWebSocket.to(`wss://127.0.0.1:${https}/ws`, { rejectUnauthorized: false });
    await raw.ask(OPEN);
    const features = await raw.next();
    const tls = (raw.ws as WebSocket & { _socket: TLSSocket })._socket;
    const binding = tls.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
    const talker: Talker = { write: (text) => raw.ws.send(text), next: () => raw.next() };
    return { raw, talker, features, binding };
  }

  const login = (binding: Buffer) => ({
    name: "juliet",
    password: PASSWORD,
    gs2: "p=tls-exporter,,",
    binding,
  });

  it("logs in with the channel bound (RFC 9266), exchanges messages with a client on TCP, and closes in order", async () => {
    const { raw, talker, features, binding } = await open();
    const offered = features.getChild("mechanisms", NS_SASL)?.getChildren("mechanism") ?? [];
    assert.ok(offered.some((one) => one.getText() === "SCRAM-SHA-256-PLUS"));
    assert.equal(features.getChild("starttls"), undefined);
    assert.ok((await scram(talker, "SCRAM-SHA-256-PLUS", login(binding))).is("success"));
    await raw.ask(OPEN);
    await raw.next();
    const bound = await raw.ask(
      "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    const jid = bound.getChild("bind")?.getChildText("jid") ?? "";
    assert.match(jid, /^juliet@localhost\/.+/);

    const romeo = await RawClient.openTls(server.server.listening[0].port);
    await romeo.login("romeo", "localhost", PASSWORD);
    const orchard = await romeo.bind("orchard");
    raw.ws.send(
      `<message xmlns='jabber:client' to='${orchard}' id='m1'><body>How camest thou hither? 🌹</body></message>`,
    );
    assert.equal((await romeo.withId("m1")).getChildText("body"), "How camest thou hither? 🌹");
    romeo.write(`<message to='${jid}' id='m2'><body>With love's light wings</body></message>`);
    const message = await raw.next();
    assert.deepEqual(
      [message.attrs.from, message.getChildText("body")],
      [orchard, "With love's light wings"],
    );

    assert.ok((await raw.ask("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>")).is("close"));
    assert.equal(await raw.closed, 1000);
    assert.deepEqual(server.server.registry.of(Jid.parse("juliet@localhost")), []);
    await romeo.close();
  });

  it("refuses the binding data of another connection", async () => {
    const [one, other] = [await open(), await open()];
    const refused = await scram(one.talker, "SCRAM-SHA-256-PLUS", login(other.binding));
    assert.ok(refused.is("failure") && refused.getChild("not-authorized"));
    for (const { raw } of [one, other]) raw.ws.terminate();
  });
});
