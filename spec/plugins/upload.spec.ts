import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { Allowance } from "../../plugins/upload/allowance.js";
import { Downloads } from "../../plugins/upload/download.js";
import { type About, UploadFolder } from "../../plugins/upload/folder.js";
import { newId } from "../../plugins/upload/place.js";
import { Uploads } from "../../plugins/upload/receive.js";
import { createSignature, Signature, type Slot } from "../../plugins/upload/signature.js";
import { Sweeper } from "../../plugins/upload/sweeper.js";
import type { PluginContext } from "../../src/plugin/api.js";
import { KeyedTurns } from "../../src/plugin/keyed-turns.js";
import { HttpServer } from "../../src/transport/http.js";
import { Listener } from "../../src/transport/listener.js";
import type { TlsSettings } from "../../src/transport/tls.js";
import { Jid } from "../../src/xmpp/jid.js";
import { memoryStore } from "../support/memory-store.js";
import { silentLog } from "../support/silent-log.js";

const PATH = "/upload/localhost/";
const MINUTE = 60_000;
const HOUR = 3_600_000;
/** Looks at the disk until something is there. */
const TRIES = 10_000;
const OWNER = "juliet@localhost";
const QUOTA = 1000;
const juliet = { id: 1, jid: Jid.parse(OWNER) };

describe("Files of the plugin upload", () => {
  const signature = new Signature(randomBytes(32));
  let root: string;
  let folder: UploadFolder;
  let uploads: Uploads;
  let stopWeb: () => void;
  let port: number;
  let allowance: Allowance;
  /** One for each upload that began, over when nothing more is done about it. */
  let handled: Promise<unknown>[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-upload-"));
    folder = await UploadFolder.open(root);
    handled = [];
    const ctx = someContext();
    allowance = new Allowance(ctx, { quota: QUOTA, maxFiles: 100 });
    uploads = new Uploads(ctx, { folder, allowance, signature, path: PATH });
    await listen();
  });

  afterEach(async () => {
    stopWeb();
    await uploads.stop();
    await rm(root, { recursive: true, force: true });
  });

  /** With one account. */
  function someContext(): PluginContext {
    const account = async (jid: Jid) => (jid.bareText === OWNER ? juliet : undefined);
    const store = memoryStore();
    const turns = new KeyedTurns();
    const inTurn = (key: string, work: never) => turns.run(key, work);
    return { account, log: silentLog, store: () => store, inTurn } as unknown as PluginContext;
  }

  /** Whether the account has room for another file of a size, and will have at a time. */
  async function hasRoom(size: number, now = Date.now()): Promise<boolean> {
    const id = newId();
    const roomFrom = await allowance.reserve(juliet, { id, size, until: now + HOUR }, now);
    await allowance.release(juliet, id, now);
    return roomFrom === undefined;
  }

  async function listen(): Promise<void> {
    const options = { trustedProxies: [], origins: ["*"], requestTimeout: 200, keepAliveTimeout: 1000 };
    // No listener here speaks TLS.
    const http = new HttpServer(options, {} as TlsSettings, silentLog);
    const downloads = new Downloads(folder, PATH);
    http.routes.add({
      method: "PUT",
      path: PATH,
      cors: true,
      unhurried: true,
      handler: (...both) => {
        const work = uploads.receive(...both);
        handled.push(work.catch(() => undefined));
        return work;
      },
    });
    http.routes.add({
      method: "GET",
      path: PATH,
      cors: true,
      handler: (...both) => downloads.answer(...both),
    });
    http.routes.add({
      method: "POST",
      path: "/hurried",
      handler: async (asked) => void (await asked.read(100)),
    });
    const bounds = { maxConnections: 0, maxConnectionsPerAddress: 0 };
    const listener = new Listener({ type: "http", host: "127.0.0.1", port: 0, ...bounds }, (socket) =>
      http.accept(socket, false),
    );
    port = await listener.start();
    stopWeb = () => {
      listener.stop();
      http.stop();
    };
  }

  function slotFor(size: number, more: Partial<Slot> = {}): Slot {
    const beginBefore = Date.now() + HOUR;
    const until = beginBefore + HOUR;
    return { id: newId(), name: "a", size, type: undefined, owner: OWNER, beginBefore, until, ...more };
  }

  const pathOf = ({ id, name }: Slot) => `${PATH}${id}/${encodeURIComponent(name)}`;
  const addressOf = (slot: Slot) => `http://127.0.0.1:${port}${pathOf(slot)}`;

  async function put(slot: Slot, body: string, headers: Record<string, string> = {}): Promise<number> {
    const address = `${addressOf(slot)}?${signature.sign(slot)}`;
    return (await fetch(address, { method: "PUT", body, headers })).status;
  }

  async function uploaded(body: string, more: Partial<Slot> = {}): Promise<string> {
    const slot = slotFor(Buffer.byteLength(body), more);
    assert.equal(await put(slot, body, slot.type ? { "Content-Type": slot.type } : {}), 201);
    return addressOf(slot);
  }

  /** All that is on the disk but the folders that are always there. */
  async function kept(): Promise<string[]> {
    const all = await readdir(root, { recursive: true });
    return all.filter((name) => !/^(incoming|[0-9a-f]{2})$/.test(name));
  }

  describe("An upload", () => {
    it("is found where it was said to be", async () => {
      const address = await uploaded("wherefore art thou", { name: "très cool.txt" });
      assert.equal(await (await fetch(address)).text(), "wherefore art thou");
      assert.equal(await hasRoom(QUOTA - 18, Date.now() + 1.5 * HOUR), true);
      assert.equal(await hasRoom(QUOTA - 17, Date.now() + 1.5 * HOUR), false);
    });

    it("is for nobody else on the machine to read", async () => {
      await uploaded("secret");
      for (const name of await kept()) {
        const { mode } = await stat(join(root, name));
        assert.equal(mode & 0o077, 0, name);
      }
    });

    it("comes once", async () => {
      const slot = slotFor(5);
      assert.equal(await put(slot, "first"), 201);
      assert.equal(await put(slot, "other"), 409);
      assert.equal(await (await fetch(addressOf(slot))).text(), "first");
    });

    it("has the size of its slot", async () => {
      assert.equal(await put(slotFor(5), "longer"), 413);
      assert.equal(await put(slotFor(5), "less"), 400);
      const slot = slotFor(5);
      const body = Readable.toWeb(Readable.from([Buffer.from("hello")])) as unknown as ReadableStream;
      const address = `${addressOf(slot)}?${signature.sign(slot)}`;
      const untold = await fetch(address, { method: "PUT", body, duplex: "half" } as RequestInit);
      assert.equal(untold.status, 411);
      assert.deepEqual(await kept(), []);
    });

    it("has the type of its slot, if that has one", async () => {
      const image = () => slotFor(5, { type: "image/png" });
      assert.equal(await put(image(), "hello", { "Content-Type": "text/html" }), 415);
      assert.equal(await put(image(), "hello", { "Content-Type": "Image/PNG" }), 201);
      assert.equal(await put(slotFor(5), "hello", { "Content-Type": "video/mp4" }), 201);
    });

    it("may have a type that nobody knows", async () => {
      const slot = slotFor(5);
      assert.equal(await put(slot, "hello", { "Content-Type": "" }), 201);
      const type = (await fetch(addressOf(slot))).headers.get("content-type");
      assert.equal(type, "application/octet-stream");
    });

    it("needs a slot that was given, for the very file", async () => {
      const slot = slotFor(5);
      const signed = signature.sign(slot);
      const ask = async (place: Slot, text: string) =>
        (await fetch(`${addressOf(place)}?${text}`, { method: "PUT", body: "hello" })).status;
      assert.equal(await ask({ ...slot, id: newId() }, signed), 403);
      assert.equal(await ask({ ...slot, name: "b" }, signed), 403);
      assert.equal(await ask(slot, ""), 403);
      assert.equal(await ask(slot, `${signed}.x`), 403);
      const other = new Signature(randomBytes(32)).sign(slot);
      assert.equal(await ask(slot, other), 403);
      const [, mac] = signed.split(".");
      const [larger] = signature.sign({ ...slot, size: 6 }).split(".");
      assert.equal(await ask(slot, `${larger}.${mac}`), 403);
      assert.equal(await ask(slot, signed), 201);
    });

    it("is taken by whichever node, also of those that started together", async () => {
      const ctx = someContext();
      const [one, two] = await Promise.all([createSignature(ctx), createSignature(ctx)]);
      const slot = slotFor(5);
      assert.deepEqual(two.read(slot, one.sign(slot)), slot);
    });

    it("begins in time", async () => {
      assert.equal(await put(slotFor(5, { beginBefore: Date.now() }), "hello"), 410);
    });

    it("is taken for an account that is still there", async () => {
      assert.equal(await put(slotFor(5, { owner: "gone@localhost" }), "hello"), 403);
    });

    it("leaves nothing behind when it breaks off, and may be tried again", async () => {
      const slot = slotFor(10);
      await breakOff(slot, "hello");
      await Promise.all(handled);
      assert.deepEqual(await kept(), []);
      assert.equal(await hasRoom(QUOTA), true);
      assert.equal(await put(slot, "0123456789"), 201);
    });

    it("counts for as long as it may take, though its slot has ended", async () => {
      const slot = slotFor(10, { beginBefore: Date.now() + MINUTE });
      await reserve(slot);
      const client = begin(slot, "01234");
      await someBytes();
      assert.equal(await hasRoom(QUOTA, Date.now() + 50 * MINUTE), false);
      assert.equal(await hasRoom(QUOTA - 10, Date.now() + 50 * MINUTE), true);
      client.end("56789");
      assert.equal(await answerTo(client), 201);
    });

    it("counts on when the same is tried once more meanwhile", async () => {
      const slot = slotFor(10);
      const client = begin(slot, "01234");
      await someBytes();
      assert.equal(await put(slot, "0123456789"), 409);
      assert.equal(await hasRoom(QUOTA), false);
      client.end("56789");
      assert.equal(await answerTo(client), 201);
    });

    it("is refused where there is no room any more, when it begins or when it is there", async () => {
      const slot = slotFor(10);
      const client = begin(slot, "01234");
      await someBytes();
      await allowance.release(juliet, slot.id, Date.now());
      await reserve(slotFor(QUOTA));
      assert.equal(await put(slotFor(1), "x"), 507);
      client.end("56789");
      assert.equal(await answerTo(client), 507);
      assert.deepEqual(await kept(), []);
    });

    async function reserve({ id, size, beginBefore }: Slot): Promise<void> {
      const entry = { id, size, until: beginBefore };
      assert.equal(await allowance.reserve(juliet, entry, Date.now()), undefined);
    }

    async function answerTo(client: ReturnType<typeof request>): Promise<number | undefined> {
      const [response] = (await once(client, "response")) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    }

    it("leaves nothing behind when the server stops", async () => {
      const client = begin(slotFor(10), "hello");
      await someBytes();
      await uploads.stop();
      assert.deepEqual(await kept(), []);
      client.destroy();
    });

    it("may take longer than other requests, as long as it goes on", async () => {
      const client = begin(slotFor(10), "01234");
      await someBytes();
      const other = request({ port, host: "127.0.0.1", method: "POST", path: "/hurried" });
      other.write("never ends");
      const [late] = (await once(other, "response")) as [IncomingMessage];
      assert.equal(late.statusCode, 408);
      other.destroy();
      client.end("56789");
      assert.equal(await answerTo(client), 201);
    });

    it("cannot leave the folder", async () => {
      await uploaded("hello");
      for (const path of [
        `${PATH}../../../etc/passwd`,
        `${PATH}..%2f..%2fetc%2fpasswd`,
        `${PATH}${"0".repeat(40)}/..`,
        `${PATH}incoming/x`,
        `${PATH}%00/%ff`,
        `${PATH}${newId()}/%ff`,
        PATH,
      ]) {
        assert.equal((await raw("GET", path)).statusCode, 404, path);
        assert.match(String((await raw("PUT", path)).statusCode), /^40[34]$/, path);
      }
    });

    function begin(slot: Slot, part: string): ReturnType<typeof request> {
      const client = request({
        port,
        host: "127.0.0.1",
        method: "PUT",
        path: `${pathOf(slot)}?${signature.sign(slot)}`,
        headers: { "Content-Length": slot.size },
      });
      client.on("error", () => undefined);
      client.write(part);
      return client;
    }

    /** Resolves once the first bytes of an upload are on the disk. */
    async function someBytes(): Promise<void> {
      for (let tries = 0; tries < TRIES; tries++) {
        const [content] = (await kept()).filter((name) => name.endsWith("content"));
        if (content && (await stat(join(root, content))).size > 0) return;
        await new Promise(setImmediate);
      }
      throw new Error("nothing came");
    }

    async function breakOff(slot: Slot, part: string): Promise<void> {
      const client = begin(slot, part);
      await someBytes();
      client.destroy();
    }
  });

  async function raw(method: string, path: string): Promise<IncomingMessage> {
    // Unlike fetch it sends the path as it is.
    const client = request({ port, host: "127.0.0.1", method, path }).end();
    const [response] = (await once(client, "response")) as [IncomingMessage];
    response.resume();
    return response;
  }

  describe("A download", () => {
    it("of a picture may be shown, and of anything that could run is bytes to be saved", async () => {
      const headers = async (type: string) =>
        (await fetch(await uploaded("<b>", { type, name: "é (1)" }))).headers;
      const image = await headers("image/png");
      assert.equal(image.get("content-type"), "image/png");
      assert.equal(image.get("content-disposition"), "inline; filename*=UTF-8''%C3%A9%20%281%29");
      for (const type of ["text/html", "image/svg+xml", "text/javascript", "application/pdf", "text/css"]) {
        const script = await headers(type);
        assert.equal(script.get("content-type"), "application/octet-stream");
        assert.match(script.get("content-disposition") ?? "", /^attachment;/);
        assert.equal(script.get("x-content-type-options"), "nosniff");
        assert.match(script.get("content-security-policy") ?? "", /default-src 'none'.*sandbox/);
      }
    });

    it("may be of a part", async () => {
      const address = await uploaded("0123456789");
      const part = async (range: string) => {
        const response = await fetch(address, { headers: { Range: range } });
        return [response.status, response.headers.get("content-range"), await response.text()];
      };
      assert.deepEqual(await part("bytes=2-4"), [206, "bytes 2-4/10", "234"]);
      assert.deepEqual(await part("bytes=7-"), [206, "bytes 7-9/10", "789"]);
      assert.deepEqual(await part("bytes=-2"), [206, "bytes 8-9/10", "89"]);
      assert.deepEqual(await part("bytes=5-99"), [206, "bytes 5-9/10", "56789"]);
      assert.deepEqual(await part("bytes=10-"), [416, "bytes */10", ""]);
      assert.deepEqual(await part("bytes=0-0,5-5"), [200, null, "0123456789"]);
      assert.deepEqual(await part("lines=1-2"), [200, null, "0123456789"]);
    });

    it("is of the whole when the part was of another file", async () => {
      const address = await uploaded("0123456789");
      const headers = { Range: "bytes=2-4", "If-Range": '"another"' };
      assert.equal(await (await fetch(address, { headers })).text(), "0123456789");
    });

    it("tells its size alone when only the head is asked for", async () => {
      const response = await fetch(await uploaded("0123456789"), { method: "HEAD" });
      assert.equal(response.headers.get("content-length"), "10");
      assert.equal(await response.text(), "");
    });

    it("tells the size of the whole even when the head of a part is asked for", async () => {
      const headers = { Range: "bytes=2-4" };
      const response = await fetch(await uploaded("0123456789"), { method: "HEAD", headers });
      assert.equal(response.status, 200);
      assert.equal(response.headers.get("content-length"), "10");
      assert.equal(response.headers.get("content-range"), null);
    });

    it("is not repeated for whoever has the file", async () => {
      const address = await uploaded("hello");
      const etag = (await fetch(address)).headers.get("etag") ?? "";
      assert.equal((await fetch(address, { headers: { "If-None-Match": etag } })).status, 304);
    });

    it("works from pages of other web sites, and so does an upload", async () => {
      const address = await uploaded("hello");
      const headers = { Origin: "https://chat.example.org" };
      assert.equal((await fetch(address, { headers })).headers.get("access-control-allow-origin"), "*");
      const asked = await fetch(address, { method: "OPTIONS", headers });
      assert.match(asked.headers.get("access-control-allow-methods") ?? "", /PUT/);
      assert.match(asked.headers.get("access-control-allow-headers") ?? "", /Content-Type/);
    });

    it("is not there when nothing is known of the file any more", async () => {
      const address = await uploaded("hello");
      const [about] = (await kept()).filter((name) => name.endsWith("about.json"));
      await writeFile(join(root, about), "");
      assert.equal((await fetch(address)).status, 404);
    });

    it("needs the name as well", async () => {
      const address = await uploaded("hello");
      assert.equal((await fetch(`${address}b`)).status, 404);
    });

    it("ends when the time of the file is up, whether it is removed or not", async () => {
      const about = await add({ until: Date.now() });
      assert.equal((await fetch(addressOf({ ...slotFor(5), ...about }))).status, 404);
    });
  });

  async function add(more: Partial<About>): Promise<About> {
    const { id, name, until } = slotFor(5);
    const about: About = { id, name, until, size: 5, type: "text/plain", owner: OWNER, ...more };
    await folder.add(about, Readable.from([Buffer.from("hello")]));
    return about;
  }

  describe("The sweeper", () => {
    it("removes what is over and what belongs to nobody, and nothing else", async () => {
      const { id } = await add({});
      await add({ until: Date.now() - 1 });
      await add({ owner: "gone@localhost" });
      assert.equal(await new Sweeper(someContext(), folder).step(), true);
      assert.deepEqual(
        (await kept()).filter((name) => name.endsWith("content")),
        [`${id.slice(0, 2)}/${id}/content`],
      );
    });

    it("takes small steps", async () => {
      for (let count = 0; count < 60; count++) await add({ until: 0 });
      const sweeper = new Sweeper(someContext(), folder);
      assert.equal(await sweeper.step(), false);
      assert.notDeepEqual(await kept(), []);
      assert.equal(await sweeper.step(), true);
      assert.deepEqual(await kept(), []);
      await sweeper.stop();
    });

    it("is not stopped by a damaged upload, and removes that when it is old", async () => {
      const damaged: About[] = [];
      for (const text of ["", "null", "{}"]) {
        const about = await add({ id: `00${newId().slice(2)}` });
        await writeFile(join(placeOf(about), "about.json"), text);
        damaged.push(about);
      }
      const bare = await add({ id: `00${newId().slice(2)}` });
      await rm(join(placeOf(bare), "about.json"));
      const foreign = join(root, "00", "lost+found");
      await mkdir(foreign);
      const over = await add({ until: 0, id: `ff${newId().slice(2)}` });
      const sweeper = new Sweeper(someContext(), folder);
      assert.equal(await sweeper.step(), true);
      await assert.rejects(stat(placeOf(over)), { code: "ENOENT" });
      for (const about of [...damaged, bare]) await makeOld(placeOf(about));
      await makeOld(foreign);
      assert.equal(await sweeper.step(), true);
      assert.deepEqual(await kept(), ["00/lost+found"]);
    });

    it("is not stopped by an upload that cannot be read", async () => {
      const about = await add({ id: `00${newId().slice(2)}` });
      await rm(placeOf(about), { recursive: true });
      await writeFile(placeOf(about), "no folder");
      const over = await add({ until: 0, id: `ff${newId().slice(2)}` });
      assert.equal(await new Sweeper(someContext(), folder).step(), true);
      await assert.rejects(stat(placeOf(over)), { code: "ENOENT" });
    });

    it("clears away what a server that died left half done", async () => {
      const never = new Readable({ read: () => undefined });
      never.push("hello");
      const unfinished = folder.add({ ...slotFor(10), type: "text/plain" }, never);
      const [draft] = await someDraft();
      const sweeper = new Sweeper(someContext(), folder);
      await sweeper.step();
      assert.deepEqual(await someDraft(), [draft]);
      await makeOld(join(root, "incoming", draft));
      await sweeper.step();
      assert.deepEqual(await readdir(join(root, "incoming")), []);
      never.destroy();
      await assert.rejects(unfinished);
    });

    const placeOf = ({ id }: About) => join(root, id.slice(0, 2), id);

    async function makeOld(path: string): Promise<void> {
      const long = new Date(Date.now() - 3 * HOUR);
      await utimes(path, long, long);
    }

    async function someDraft(): Promise<string[]> {
      for (let tries = 0; tries < TRIES; tries++) {
        const drafts = await readdir(join(root, "incoming"), { recursive: true });
        if (drafts.some((name) => name.endsWith("content")))
          return drafts.filter((name) => !name.includes("/"));
        await new Promise(setImmediate);
      }
      throw new Error("nothing came");
    }
  });
});
