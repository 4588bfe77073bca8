import assert from "node:assert/strict";
import { type Agent, createClient } from "stanza";
import { $msg, $pres, Strophe } from "strophe.js";
import { Jid } from "../../src/xmpp/jid.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { XmlHttpRequest } from "../support/xml-http-request.js";

const PASSWORD = "juliet's balcony";

/** A client in a web page, whichever the library. */
interface WebClient {
  /** Resolves when it is online. */
  logIn(): Promise<void>;
  send(to: string, body: string): void;
  /** The body of the next message. */
  readonly received: Promise<string>;
  logOut(): Promise<void>;
}

/** What of the DOM is used here. */
interface DomElement {
  readonly textContent: string | null;
  getElementsByTagName(name: string): ArrayLike<DomElement>;
}

type Library = (jid: string, transport: "websocket" | "bosh", webPort: number) => WebClient;

function addressOf(transport: "websocket" | "bosh", port: number): string {
  return transport === "websocket" ? `ws://127.0.0.1:${port}/ws` : `http://127.0.0.1:${port}/http-bind`;
}

const strophe: Library = (jid, transport, port) => {
  const connection = new Strophe.Connection(addressOf(transport, port));
  const received = new Promise<string>((resolve) => {
    const take = (message: DomElement): boolean => {
      resolve(message.getElementsByTagName("body")[0].textContent ?? "");
      return false;
    };
    connection.addHandler(take, null, "message", "chat");
  });
  const reach = (wanted: number, act: (told: (status: number) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      act((status) => {
        if (status === wanted) resolve();
        else if (status === Strophe.Status.AUTHFAIL || status === Strophe.Status.CONNFAIL)
          reject(new Error(`strophe.js: status ${status}`));
      });
    });
  let told: (status: number) => void = () => undefined;
  return {
    received,
    async logIn() {
      await reach(Strophe.Status.CONNECTED, (hear) => {
        told = hear;
        connection.connect(jid, PASSWORD, (status: number) => told(status));
      });
      connection.send($pres());
    },
    send: (to, body) => connection.send($msg({ to, type: "chat" }).c("body").t(body)),
    logOut: () =>
      reach(Strophe.Status.DISCONNECTED, (hear) => {
        told = hear;
        connection.disconnect("done");
      }),
  };
};

const stanza: Library = (jid, transport, port) => {
  const url = addressOf(transport, port);
  const client: Agent = createClient({
    jid,
    password: PASSWORD,
    transports: { websocket: transport === "websocket" && url, bosh: transport === "bosh" && url },
  });
  const received = new Promise<string>((resolve) => client.on("message", ({ body }) => resolve(body ?? "")));
  return {
    received,
    async logIn() {
      const failed = new Promise<never>((_, reject) =>
        client.on("auth:failed", () => reject(new Error("stanza: auth:failed"))),
      );
      const started = new Promise<void>((resolve) => client.on("session:started", () => resolve()));
      client.connect();
      await Promise.race([started, failed]);
      client.sendPresence();
    },
    send: (to, body) => void client.sendMessage({ to, body, type: "chat" }),
    async logOut() {
      const gone = new Promise<void>((resolve) => client.on("stream:end", () => resolve()));
      client.disconnect();
      await gone;
    },
  };
};

describe("Libraries that web clients are made of", () => {
  let server: TestServer;
  const page = globalThis as { XMLHttpRequest?: unknown };
  before(async () => {
    page.XMLHttpRequest = XmlHttpRequest;
    Strophe.setLogLevel(Strophe.LogLevel.FATAL);
    server = await startTestServer();
    for (const name of ["romeo", "juliet"])
      await server.createAccount(Jid.parse(`${name}@localhost`), PASSWORD);
  });
  after(async () => {
    await server.stop();
    delete page.XMLHttpRequest;
  });

  for (const [name, library] of Object.entries({ "strophe.js": strophe, stanza })) {
    for (const transport of ["websocket", "bosh"] as const) {
      it(`${name} logs in over ${transport} and exchanges messages`, async () => {
        const romeo = library("romeo@localhost", transport, server.webPort);
        const juliet = library("juliet@localhost", transport, server.webPort);
        await Promise.all([romeo.logIn(), juliet.logIn()]);
        romeo.send("juliet@localhost", "Neither, fair saint, if either thee dislike. 🌹");
        assert.equal(await juliet.received, "Neither, fair saint, if either thee dislike. 🌹");
        juliet.send("romeo@localhost", "How camest thou hither?");
        assert.equal(await romeo.received, "How camest thou hither?");
        await Promise.all([romeo.logOut(), juliet.logOut()]);
      });
    }
  }
});
