import assert from "node:assert/strict";
import { once } from "node:events";
import { type FileHandle, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Downloads } from "../../plugins/upload/download.js";
import type { About, UploadFolder } from "../../plugins/upload/folder.js";
import { newId } from "../../plugins/upload/place.js";
import { HttpServer } from "../../src/transport/http.js";
import type { HttpRequest, HttpResponse } from "../../src/transport/http-route.js";
import { Listener } from "../../src/transport/listener.js";
import type { TlsSettings } from "../../src/transport/tls.js";
import { silentLog } from "../support/silent-log.js";

const PATH = "/upload/localhost/";
const SIZE = 20_000_000;

describe("Downloads of the plugin upload", () => {
  const id = newId();
  let root: string;
  let opened: FileHandle[];
  let handled: Promise<unknown>[];
  let port: number;
  let stopWeb: () => void;
  /** What is done before a file is found. */
  let found: unknown;
  let onRequest: (request: HttpRequest) => unknown;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-download-"));
    await writeFile(join(root, "a"), Buffer.alloc(SIZE));
    opened = [];
    handled = [];
    onRequest = () => undefined;
    const http = new HttpServer(
      { trustedProxies: [], origins: ["*"], requestTimeout: 1000, keepAliveTimeout: 1000 },
      {} as TlsSettings,
      silentLog,
    );
    const downloads = new Downloads(folder(), PATH);
    const handler = (request: HttpRequest, response: HttpResponse) => {
      found = onRequest(request);
      const work = downloads.answer(request, response);
      handled.push(work);
      return work;
    };
    http.routes.add({ method: "GET", path: PATH, handler });
    const bounds = { maxConnections: 0, maxConnectionsPerAddress: 0 };
    const accept = (socket: Socket) => http.accept(socket, false);
    const listener = new Listener({ type: "http", host: "127.0.0.1", port: 0, ...bounds }, accept);
    port = await listener.start();
    stopWeb = () => {
      listener.stop();
      http.stop();
    };
  });

  afterEach(async () => {
    stopWeb();
    await rm(root, { recursive: true });
  });

  /** With one large file. */
  function folder(): UploadFolder {
    const about: Partial<About> = {
      id,
      name: "a",
      size: SIZE,
      type: "text/plain",
      until: Date.now() + 60_000,
    };
    const find = async () => {
      await found;
      const content = await open(join(root, "a"));
      opened.push(content);
      return { about, content };
    };
    return { find } as unknown as UploadFolder;
  }

  function ask(times: number): Socket {
    const client = connect(port, "127.0.0.1");
    client.on("error", () => undefined);
    client.pause();
    client.write(`GET ${PATH}${id}/a HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(times));
    return client;
  }

  it("hold one file at a time for each connection, and none when that is gone", async () => {
    const client = ask(5);
    await once(client, "readable");
    client.resetAndDestroy();
    await Promise.all(handled);
    assert.deepEqual(
      opened.map(({ fd }) => fd),
      [-1],
    );
  });

  it("end when the client is gone by the time that the file is found", async () => {
    const gone = new Promise<void>((resolve) => {
      onRequest = async ({ incoming }) => {
        client.resetAndDestroy();
        await new Promise((closed) => incoming.socket.once("close", closed));
        resolve();
      };
    });
    const client = ask(1);
    await gone;
    await Promise.all(handled);
    assert.equal(opened[0].fd, -1);
  });
});
