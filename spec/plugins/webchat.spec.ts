import assert from "node:assert/strict";
import { request } from "node:http";
import { startTestServer, type TestServer } from "../support/server.js";

describe("The plugin webchat", () => {
  let server: TestServer;
  let base: string;
  before(async () => {
    server = await startTestServer({
      plugins: { webchat: { title: "Ours & <yours>", origins: ["https://files.example.org"] } },
    });
    base = `http://localhost:${server.webPort}`;
  });
  after(() => server.stop());

  const assetsOf = async () =>
    /src="([^"]+)converse\.min\.js"/.exec(await (await fetch(`${base}/`)).text())?.[1] ?? "";

  it("serves its page at the root, and all that the page names", async () => {
    const page = await (await fetch(`${base}/`)).text();
    assert.match(page, /<title>Ours &#38; &#60;yours&#62;<\/title>/);
    const named = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path);
    assert.equal(named.length, 4);
    for (const path of named) {
      assert.match(path, /^\/webchat\//);
      assert.equal((await fetch(base + path)).status, 200, path);
    }
  });

  it("serves the page at /webchat/ as well", async () => {
    const at = async (path: string) => (await fetch(base + path)).text();
    assert.equal(await at("/webchat/"), await at("/"));
  });

  it("lets the page fetch from this server and from where files are, and from nowhere else", async () => {
    const { headers } = await fetch(`${base}/`);
    const policy = headers.get("content-security-policy") ?? "";
    const host = `localhost:${server.webPort}`;
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self' 'wasm-unsafe-eval';/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.ok(
      policy.includes(
        `connect-src 'self' ws://${host} wss://${host} http://${host} https://files.example.org;`,
      ),
    );
  });

  it("takes nothing into that policy that is no host", async () => {
    const policy = await new Promise<string>((resolve, reject) => {
      const headers = { Host: "x; script-src *" };
      request({ port: server.webPort, host: "127.0.0.1", headers }, (response) => {
        response.resume();
        resolve(String(response.headers["content-security-policy"]));
      })
        .on("error", reject)
        .end();
    });
    assert.ok(!policy.includes("*"), policy);
  });

  it("completes user names by the domain", async () => {
    const script = await (await fetch(`${base}/webchat/start.js`)).text();
    assert.ok(script.includes('"default_domain":"localhost"'));
  });

  it("lets browsers keep what never changes, and ask for what may", async () => {
    const cacheOf = async (path: string) => (await fetch(base + path)).headers.get("cache-control");
    assert.match((await cacheOf(`${await assetsOf()}converse.min.css`)) ?? "", /immutable/);
    assert.equal(await cacheOf("/"), "no-cache");
    assert.equal(await cacheOf("/webchat/start.js"), "no-cache");
  });

  it("compresses for those who can read it", async () => {
    const path = `${base}${await assetsOf()}emoji.json`;
    const plain = await fetch(path, { headers: { "Accept-Encoding": "identity" } });
    const packed = await fetch(path, { headers: { "Accept-Encoding": "gzip" } });
    assert.equal(plain.headers.get("content-encoding"), null);
    assert.equal(packed.headers.get("content-encoding"), "gzip");
    assert.deepEqual(await packed.json(), await plain.json());
  });

  it("serves nothing of the package that the page does not need, and nothing besides", async () => {
    const assets = await assetsOf();
    for (const path of [
      `${assets}converse.js`,
      `${assets}converse.min.js.map`,
      `${assets}../package.json`,
      `${assets}..%2fpackage.json`,
      `${assets}website.css`,
      `${assets}images`,
      "/webchat/1.0.0/converse.min.js",
      "/webchat",
      "/index.html",
      "/package.json",
    ]) {
      assert.equal((await fetch(base + path)).status, 404, path);
      assert.equal((await fetch(base + path, { method: "POST" })).status, 404, path);
    }
    assert.equal((await fetch(base, { method: "POST" })).status, 405);
  });

  it("is gone when it is switched off", async () => {
    const without = await startTestServer({ plugins: { webchat: false } });
    try {
      assert.equal((await fetch(`http://localhost:${without.webPort}/`)).status, 404);
      assert.equal((await fetch(`http://localhost:${without.webPort}/webchat/`)).status, 404);
    } finally {
      await without.stop();
    }
  });
});
