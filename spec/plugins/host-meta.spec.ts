import assert from "node:assert/strict";
import { parseElement } from "../../src/xml/parse.js";
import { type Overrides, startTestServer, type TestServer } from "../support/server.js";

const HTTP_AND_HTTPS = [
  { type: "http", port: 0 },
  { type: "https", port: 0 },
];

async function ask(server: TestServer, file: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.webPort}/.well-known/${file}`);
}

async function withServer(overrides: Overrides, work: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startTestServer(overrides);
  try {
    await work(server);
  } finally {
    await server.stop();
  }
}

describe("host-meta (XEP-0156)", () => {
  it("tells where WebSocket and BOSH are, encrypted, as XRD and as JSON", () =>
    withServer({ listen: HTTP_AND_HTTPS }, async (server) => {
      const { port } = server.server.listening[1];
      const expected = [
        { rel: "urn:xmpp:alt-connections:websocket", href: `wss://localhost:${port}/ws` },
        { rel: "urn:xmpp:alt-connections:xbosh", href: `https://localhost:${port}/http-bind` },
      ];
      const xrd = await ask(server, "host-meta");
      assert.equal(xrd.headers.get("content-type"), "application/xrd+xml; charset=utf-8");
      assert.equal(xrd.headers.get("access-control-allow-origin"), "*");
      const document = parseElement((await xrd.text()).replace(/^<\?xml[^?]*\?>/, ""));
      assert.ok(document.is("XRD", "http://docs.oasis-open.org/ns/xri/xrd-1.0"));
      assert.deepEqual(
        document.getChildElements().map(({ attrs: { rel, href } }) => ({ rel, href })),
        expected,
      );
      const jrd = await ask(server, "host-meta.json");
      assert.equal(jrd.headers.get("content-type"), "application/json");
      assert.deepEqual(await jrd.json(), { links: expected });
    }));

  it("tells the address of the proxy in front", () =>
    withServer({ http: { url: "https://chat.example.org/" } }, async (server) => {
      const { links } = (await (await ask(server, "host-meta.json")).json()) as { links: { href: string }[] };
      assert.deepEqual(
        links.map(({ href }) => href),
        ["wss://chat.example.org/ws", "https://chat.example.org/http-bind"],
      );
    }));

  it("tells what its options say", () =>
    withServer({ plugins: { "host-meta": { websocket: "wss://example.org/xmpp" } } }, async (server) => {
      const { links } = (await (await ask(server, "host-meta.json")).json()) as { links: unknown[] };
      assert.deepEqual(links, [
        { rel: "urn:xmpp:alt-connections:websocket", href: "wss://example.org/xmpp" },
      ]);
    }));

  it("tells nothing where nothing is encrypted, and nothing when it is off", async () => {
    await withServer({}, async (server) => {
      assert.equal((await ask(server, "host-meta")).status, 404);
    });
    await withServer({ listen: HTTP_AND_HTTPS, plugins: { "host-meta": false } }, async (server) => {
      assert.equal((await ask(server, "host-meta")).status, 404);
    });
  });
});
