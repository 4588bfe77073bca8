import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpsRequest } from "node:https";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type HttpOptions, HttpServer } from "../../src/transport/http.js";
import { HttpError } from "../../src/transport/http-error.js";
import { type HttpResponse, type HttpRoute, HttpRoutes } from "../../src/transport/http-route.js";
import { Listener } from "../../src/transport/listener.js";
import type { TlsSettings } from "../../src/transport/tls.js";
import { startTestServer } from "../support/server.js";
import { silentLog } from "../support/silent-log.js";

const OPTIONS: HttpOptions = {
  trustedProxies: [],
  origins: ["*"],
  requestTimeout: 1000,
  keepAliveTimeout: 1000,
};

interface Web {
  http: HttpServer;
  base: string;
  port: number;
  /** The server's ends of all connections. */
  sockets: Set<Socket>;
  stop(): void;
}

async function startWeb(routes: HttpRoute[], options: Partial<HttpOptions> = {}): Promise<Web> {
  // No listener here speaks TLS.
  const http = new HttpServer({ ...OPTIONS, ...options }, {} as TlsSettings, silentLog);
  for (const route of routes) http.routes.add(route);
  const bounds = { maxConnections: 0, maxConnectionsPerAddress: 0 };
  const sockets = new Set<Socket>();
  const listener = new Listener({ type: "http", host: "127.0.0.1", port: 0, ...bounds }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    http.accept(socket, false);
  });
  const port = await listener.start();
  const stop = () => {
    listener.stop();
    http.stop();
  };
  return { http, port, base: `http://127.0.0.1:${port}`, sockets, stop };
}

const hello: HttpRoute = {
  method: "GET",
  path: "/hello",
  handler: (_request, response) => {
    response.end("hello");
  },
};

describe("The HTTP server", () => {
  let web: Web;
  before(async () => {
    web = await startWeb([
      hello,
      { ...hello, path: "/below/", handler: ({ path }, response) => void response.end(path) },
      {
        method: ["POST", "PUT"],
        path: "/echo",
        cors: true,
        handler: async (request, response) => {
          response.end(await request.read(10));
        },
      },
      {
        method: "GET",
        path: "/broken",
        handler: () => {
          throw new Error("the secret of the stack");
        },
      },
      {
        method: "GET",
        path: "/refused",
        handler: async () => {
          throw new HttpError(410);
        },
      },
    ]);
  });
  after(() => web.stop());

  it("answers by path, whatever the query", async () => {
    const response = await fetch(`${web.base}/hello?a=b`);
    assert.deepEqual([response.status, await response.text()], [200, "hello"]);
  });

  it("answers for all below a path that ends in a slash", async () => {
    for (const path of ["/below/", "/below/a", "/below/a/b.c"])
      assert.equal(await (await fetch(`${web.base}${path}`)).text(), path);
    assert.equal((await fetch(`${web.base}/below`)).status, 404);
  });

  it("does not look long for the route of a path of nothing but slashes", async () => {
    const routes = new HttpRoutes();
    routes.add({ ...hello, path: "/below/" });
    const path = "/".repeat(15_000);
    const begun = performance.now();
    for (let n = 0; n < 100; n++) assert.deepEqual(routes.find(path, "a"), []);
    // It would be many times that if all that the path is below of were looked up.
    assert.ok(performance.now() - begun < 1000);
  });

  it("answers HEAD like GET, without a body", async () => {
    const response = await fetch(`${web.base}/hello`, { method: "HEAD" });
    assert.deepEqual([response.status, await response.text()], [200, ""]);
  });

  it("says 404 for other paths and 405 for other methods, with those there are", async () => {
    assert.equal((await fetch(`${web.base}/nothing`)).status, 404);
    assert.equal((await fetch(`${web.base}/`)).status, 404);
    const response = await fetch(`${web.base}/hello`, { method: "DELETE" });
    assert.deepEqual([response.status, response.headers.get("allow")], [405, "GET, HEAD, OPTIONS"]);
  });

  it("keeps the connection of who asked for what there is not", async () => {
    assert.equal((await fetch(`${web.base}/nothing`)).headers.get("connection"), "keep-alive");
    const init = { method: "POST", body: "a" };
    assert.equal((await fetch(`${web.base}/nothing`, init)).headers.get("connection"), "close");
  });

  it("never tells what went wrong inside", async () => {
    const response = await fetch(`${web.base}/broken`);
    assert.deepEqual([response.status, await response.text()], [500, "Internal Server Error\n"]);
    assert.equal((await fetch(`${web.base}/refused`)).status, 410);
  });

  it("adds headers that keep browsers from running what it serves", async () => {
    for (const path of ["/hello", "/nothing", "/broken"]) {
      const { headers } = await fetch(`${web.base}${path}`);
      assert.equal(headers.get("x-content-type-options"), "nosniff");
      assert.match(headers.get("content-security-policy") ?? "", /default-src 'none'/);
      assert.equal(headers.get("cache-control"), "no-store");
    }
  });

  it("refuses a body that is too large, told or untold", async () => {
    const url = `${web.base}/echo`;
    assert.equal(await (await fetch(url, { method: "POST", body: "0123456789" })).text(), "0123456789");
    assert.equal((await fetch(url, { method: "POST", body: "0123456789a" })).status, 413);
    const stream = new Blob(["0123456789a"]).stream();
    const init = { method: "POST", body: stream, duplex: "half" } as RequestInit;
    assert.equal((await fetch(url, init)).status, 413);
  });

  it("cuts a request that takes too long to arrive", async () => {
    const socket = connect(web.port, "127.0.0.1");
    socket.write("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n0");
    assert.match(await text(socket), /^HTTP\/1\.1 408 /);
  });

  it("cuts a connection that says nothing at all", async () => {
    const socket = connect(web.port, "127.0.0.1");
    assert.match(await text(socket), /^HTTP\/1\.1 408 |^$/);
  });

  it("deals with one request of a connection at a time, and answers in their order", async () => {
    let underWay = 0;
    let most = 0;
    const slow: HttpRoute = {
      method: "GET",
      path: "/slow/",
      handler: async ({ path }, response) => {
        underWay += 1;
        most = Math.max(most, underWay);
        await new Promise(setImmediate);
        response.end(path, () => {
          underWay -= 1;
        });
      },
    };
    const own = await startWeb([slow]);
    const socket = connect(own.port, "127.0.0.1");
    const requests = [1, 2, 3, 4].map((n) => `GET /slow/${n} HTTP/1.1\r\nHost: a\r\n\r\n`);
    socket.write(`${requests.join("")}GET /slow/5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const answers = await text(socket);
    assert.deepEqual(answers.match(/\/slow\/\d/g), ["/slow/1", "/slow/2", "/slow/3", "/slow/4", "/slow/5"]);
    assert.equal(most, 1);
    own.stop();
  });

  it("deals with requests side by side where answers wait for later requests", async () => {
    let first: HttpResponse | undefined;
    const waiting: HttpRoute = {
      method: "GET",
      path: "/waiting",
      held: true,
      handler: (_request, response) => {
        first?.end("first");
        if (first) response.end("second");
        first = response;
      },
    };
    const own = await startWeb([waiting]);
    const socket = connect(own.port, "127.0.0.1");
    const head = "GET /waiting HTTP/1.1\r\nHost: a\r\n";
    socket.write(`${head}\r\n${head}Connection: close\r\n\r\n`);
    assert.match(await text(socket), /first.*second/s);
    own.stop();
  });

  it("tells all whose answers wait that the connection is gone", async () => {
    const lost: number[] = [];
    let count = 0;
    let allLost: () => void = () => undefined;
    const bothLost = new Promise<void>((resolve) => {
      allLost = resolve;
    });
    const waiting: HttpRoute = {
      method: "GET",
      path: "/waiting",
      held: true,
      handler: (_request, response) => {
        const mine = count++;
        response.once("close", () => {
          lost.push(mine);
          if (lost.length === 2) allLost();
        });
        if (count === 2) socket.destroy();
      },
    };
    const own = await startWeb([waiting]);
    const socket = connect(own.port, "127.0.0.1");
    socket.write("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    await bothLost;
    own.stop();
  });

  it("cuts a connection on which more requests wait than anybody needs", async () => {
    let handled = 0;
    const handle = () => {
      handled += 1;
    };
    const never: HttpRoute = { method: "GET", path: "/never", handler: () => handle() };
    const own = await startWeb([never]);
    const socket = connect(own.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.write("GET /never HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100));
    await once(socket, "close");
    assert.equal(handled, 1);
    own.stop();
  });

  it("cuts a connection whose client takes nothing of an answer", async () => {
    let gone: () => void = () => undefined;
    const cut = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const large: HttpRoute = {
      method: "GET",
      path: "/large",
      handler: (_request, response) => {
        response.once("close", gone);
        response.end(Buffer.alloc(50_000_000));
      },
    };
    const own = await startWeb([large]);
    const socket = connect(own.port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.pause();
    socket.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    await cut;
    socket.destroy();
    own.stop();
  });

  it("lets a request be held for longer than a connection may be idle", async () => {
    const held: HttpRoute = {
      method: "GET",
      path: "/held",
      handler: ({ query }, response) => void setTimeout(() => response.end("now"), Number(query.get("ms"))),
    };
    const own = await startWeb([held]);
    const socket = connect(own.port, "127.0.0.1");
    const head = (ms: number) => `GET /held?ms=${ms} HTTP/1.1\r\nHost: a\r\n`;
    socket.write(`${head(0)}\r\n${head(1500)}Connection: close\r\n\r\n`);
    assert.equal((await text(socket)).match(/now/g)?.length, 2);
    own.stop();
  });

  it("refuses upgrades that nobody asked for", async () => {
    const socket = connect(web.port, "127.0.0.1");
    socket.write(
      "GET /hello HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    assert.match(await text(socket), /^HTTP\/1\.1 404 /);
  });

  it("keeps nothing of a connection whose upgrade it refused, though its client stays and goes on talking", async () => {
    const own = await startWeb([hello]);
    const client = connect({ port: own.port, host: "127.0.0.1", allowHalfOpen: true });
    client.on("error", () => undefined);
    client.write("GET /hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nmore");
    await once(client, "data");
    for (const socket of own.sockets) await once(socket, "close");
    client.destroy();
    own.stop();
  });

  it("ignores requests for upgrades to what it does not speak, RFC 9110 §7.8", async () => {
    const client = connect(web.port, "127.0.0.1");
    const h2c = "Host: a\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__";
    const ask = async (text: string) => {
      client.write(text);
      return String((await once(client, "data"))[0]);
    };
    const get = `GET /hello HTTP/1.1\r\n${h2c}\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n`;
    assert.match(await ask(get), /^HTTP\/1\.1 200 .*hello$/s);
    assert.match(await ask(get), /^HTTP\/1\.1 200 .*hello$/s);
    const post = `POST /echo HTTP/1.1\r\n${h2c}\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 6\r\n\r\n`;
    client.write(`${post}par`);
    assert.match(await ask("ted"), /^HTTP\/1\.1 200 .*parted$/s);
    client.destroy();
  });

  it("lets pages of all sites use what is made for them, and nothing else", async () => {
    const headers = { Origin: "https://chat.example.org" };
    const init = { method: "POST", body: "a", headers };
    assert.equal((await fetch(`${web.base}/echo`, init)).headers.get("access-control-allow-origin"), "*");
    assert.equal(
      (await fetch(`${web.base}/hello`, { headers })).headers.get("access-control-allow-origin"),
      null,
    );
    const preflight = await fetch(`${web.base}/echo`, { method: "OPTIONS", headers });
    assert.equal(preflight.status, 204);
    assert.equal(preflight.headers.get("access-control-allow-methods"), "POST, PUT");
    assert.equal(preflight.headers.get("access-control-allow-headers"), "Content-Type");
  });

  it("lets only pages of some sites where these are named", async () => {
    const some = await startWeb([{ ...hello, cors: true }], { origins: ["https://chat.example.org"] });
    const ask = (origin: string) => fetch(`${some.base}/hello`, { headers: { Origin: origin } });
    const good = await ask("https://chat.example.org");
    assert.equal(good.headers.get("access-control-allow-origin"), "https://chat.example.org");
    assert.equal(good.headers.get("vary"), "Origin");
    const bad = await ask("https://evil.example");
    assert.deepEqual([bad.status, bad.headers.get("access-control-allow-origin")], [403, null]);
    some.stop();
  });

  it("lets its own pages in where others are named", async () => {
    const named = ["https://other.example"];
    const own = await startWeb([{ ...hello, cors: true }], { origins: named, trustedProxies: ["127.0.0.1"] });
    const ask = async (origin: string, headers: Record<string, string> = {}) =>
      (await fetch(`${own.base}/hello`, { headers: { Origin: origin, ...headers } })).status;
    const proxied = { "X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https" };
    const host = `127.0.0.1:${own.port}`;
    assert.equal(await ask(`http://${host}`), 200);
    assert.equal(await ask(`https://${host}`), 403);
    assert.equal(await ask(`https://${host}`, proxied), 200);
    assert.equal(await ask(`http://${host}`, proxied), 403);
    own.stop();
    const listen = [
      { type: "http", port: 0 },
      { type: "https", port: 0 },
    ];
    const server = await startTestServer({ listen, http: { origins: named } });
    const [http, https] = server.server.listening;
    const url = `http://127.0.0.1:${http.port}/http-bind`;
    const statusFor = async (origin: string) =>
      (await fetch(url, { method: "OPTIONS", headers: { Origin: origin } })).status;
    assert.equal(await statusFor(`https://localhost:${https.port}`), 204);
    assert.equal(await statusFor(`http://localhost:${http.port}`), 204);
    assert.equal(await statusFor(`http://localhost:${https.port}`), 403);
    await server.stop();
  });

  it("asks the domain's own route where several have the path, and the first for other names", async () => {
    const named = await startWeb([]);
    const undo = ["one.example", "two.example"].map((host) =>
      named.http.routes.add({ ...hello, handler: (_request, response) => void response.end(host) }, host),
    );
    const ask = async (host: string): Promise<string> => {
      const socket = connect(named.port, "127.0.0.1");
      socket.write(`GET /hello HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      return (await text(socket)).split("\r\n\r\n")[1];
    };
    assert.match(await ask("two.example:5280"), /two\.example/);
    assert.match(await ask("ONE.example"), /one\.example/);
    assert.match(await ask("192.0.2.1"), /one\.example/);
    for (const take of undo) take();
    assert.match(await ask("one.example"), /Not Found/);
    named.stop();
  });

  it("speaks TLS on https listeners", async () => {
    const listen = [
      { type: "http", port: 0 },
      { type: "https", port: 0 },
    ];
    const server = await startTestServer({ listen });
    const port = server.server.listening[1].port;
    const request = httpsRequest({
      port,
      path: "/ws",
      rejectUnauthorized: false,
    });
    request.end();
    const [response] = await once(request, "response");
    assert.equal(response.statusCode, 426);
    response.resume();
    await server.stop();
  });
});
