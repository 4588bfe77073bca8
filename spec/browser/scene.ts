import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { WireConnection } from "../faults/wire-client.js";
import { type Overrides, startTestServer, type TestServer } from "../support/server.js";

export const PASSWORD = "wherefore art thou";
export const ROMEO = "romeo@localhost";
export const JULIET = "juliet@localhost";

/** A server on which Romeo is online, over TCP and with a client of the simplest kind, and a contact of Juliet's. */
export class Scene {
  private constructor(
    readonly server: TestServer,
    readonly romeo: WireConnection,
  ) {}

  static async begin(overrides: Overrides = {}): Promise<Scene> {
    const server = await startTestServer(overrides);
    for (const jid of [ROMEO, JULIET]) await server.createAccount(Jid.parse(jid), PASSWORD);
    const romeo = await online(server, "romeo", "orchard");
    await makeFriends(server, romeo);
    return new Scene(server, romeo);
  }

  async end(): Promise<void> {
    this.romeo.drop();
    await this.server.stop();
  }

  /** The next message to Romeo whose text matches. */
  bodyOf(text: RegExp) {
    return this.romeo.next(
      (element) => element.is("message") && text.test(element.getChildText("body") ?? ""),
    );
  }

  /** The next presence of the page. */
  presenceOfJuliet(type?: string) {
    return this.romeo.next(
      (element) =>
        element.is("presence") &&
        element.attrs.type === type &&
        /^juliet@.*\/converse/.test(element.attrs.from),
    );
  }

  resourcesOfJuliet(): string[] {
    return this.server.server.registry.of(Jid.parse(JULIET)).map(({ jid }) => jid.text);
  }
}

async function online(server: TestServer, name: string, resource: string): Promise<WireConnection> {
  const connection = await WireConnection.open(server.port);
  assert.ok(connection && (await connection.login(name, "localhost", PASSWORD)));
  await connection.bind(resource);
  // Who has asked for the roster is told when it changes.
  connection.write("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>");
  return connection;
}

/** With another client of Juliet's, that goes again. */
async function makeFriends(server: TestServer, romeo: WireConnection): Promise<void> {
  const other = await online(server, "juliet", "balcony");
  const pushed = (who: WireConnection) =>
    who.next((element) => element.getChild("query")?.getChild("item")?.attrs.subscription === "both");
  const both = Promise.all([pushed(romeo), pushed(other)]);
  const named = `<query xmlns='jabber:iq:roster'><item jid='${ROMEO}' name='Romeo'/></query>`;
  other.write(`<iq type='set' id='name'>${named}</iq>`);
  other.write(`<presence to='${ROMEO}' type='subscribed'/><presence to='${ROMEO}' type='subscribe'/>`);
  romeo.write(`<presence to='${JULIET}' type='subscribed'/><presence to='${JULIET}' type='subscribe'/>`);
  assert.ok((await both).every(Boolean));
  other.close();
}
