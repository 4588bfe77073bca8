import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { startTestServer, type TestServer } from "../support/server.js";

const MANY = 200;
/** ms within which what is not needed any more has to be gone; the server's own times are shorter. */
const PATIENCE = 8000;

const upgrade = (path: string, more = "") =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
  `Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`;

interface Bad {
  to: "http" | "https" | "c2s-tls";
  /** Done by a client that closes nothing itself. */
  act(client: Socket): void | Promise<void>;
}

const kinds: Record<string, Bad> = {
  "an upgrade that is refused": {
    to: "http",
    act: (client) => void client.write(`${upgrade("/nowhere")}and something that nobody reads`),
  },
  "a WebSocket of another sub-protocol": {
    to: "http",
    act: (client) => void client.write(upgrade("/ws", "Sec-WebSocket-Protocol: mqtt\r\n")),
  },
  "a body that breaks off": {
    to: "http",
    act: async (client) => {
      client.write("POST /http-bind HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n<body");
      client.end();
    },
  },
  "a frame without a mask": {
    to: "http",
    act: async (client) => {
      client.write(upgrade("/ws", "Sec-WebSocket-Protocol: xmpp\r\n"));
      await once(client, "data");
      client.write(Buffer.from([0x81, 2, 0x68, 0x69]));
    },
  },
  "no TLS where it is expected, for HTTP": { to: "https", act: (client) => void client.write("rubbish\n") },
  "no TLS where it is expected, for XMPP": { to: "c2s-tls", act: (client) => void client.write("rubbish\n") },
};

/** Of both sides. */
function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

async function fallTo(count: number): Promise<void> {
  const until = performance.now() + PATIENCE;
  while (sockets() > count && performance.now() < until) await new Promise((again) => setTimeout(again, 20));
  assert.ok(sockets() <= count, `${sockets() - count} sockets are kept`);
}

describe("Of bad connections nothing is kept", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({
      listen: Object.values({ c2s: "c2s", http: "http", https: "https", tls: "c2s-tls" }).map((type) => ({
        type,
        port: 0,
      })),
      stream: { closeTimeout: "500ms" },
      http: { requestTimeout: "1s", keepAliveTimeout: "1s" },
    });
  });
  after(() => server.stop());

  for (const [what, { to, act }] of Object.entries(kinds)) {
    it(`after ${what}, though the client stays`, async () => {
      const port = server.server.listening.find(({ type }) => type === to)?.port ?? 0;
      const before = sockets();
      const clients: Socket[] = [];
      for (let n = 0; n < MANY; n++) {
        const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
        client.on("error", () => undefined);
        await once(client, "connect");
        clients.push(client);
        await act(client);
      }
      for (const client of clients) client.resume();
      await fallTo(before + MANY);
      for (const client of clients) client.destroy();
      await fallTo(before);
    });
  }
});
