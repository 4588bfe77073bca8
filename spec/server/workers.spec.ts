import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Place } from "../cli/place.js";
import { RawClient } from "../cli/raw-client.js";
import type { SluiceProcess } from "../cli/sluice-process.js";
import { emptyDatabase } from "../support/databases.js";
import { rabbitUrl, sharedRabbit } from "../support/rabbitmq-broker.js";

describe("Workers", () => {
  let place: Place;
  let url: string;
  before(async function () {
    url = await emptyDatabase(this, "postgres");
  });
  beforeEach(async () => {
    place = new Place();
    await place.configure(options());
  });
  afterEach(() => place.remove());

  const options = (more: object = {}) => ({
    storage: { client: "postgres", url },
    cluster: { workers: 2, beat: "200ms", deadAfter: "1s" },
    ...more,
  });

  /** The pid that each worker has given in its log, the last first. */
  function pidsOf(server: SluiceProcess, worker: number): number[] {
    const lines = server.stdout.split("\n").filter((line) => line.includes('"worker serves"'));
    return lines
      .map((line) => JSON.parse(line) as { worker: number; pid: number })
      .filter((line) => line.worker === worker)
      .map(({ pid }) => pid)
      .reverse();
  }

  function runs(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }

  /** The worker that has logged a session of this resource. */
  async function workerOf(server: SluiceProcess, resource: string): Promise<number> {
    const [line] = await server.says(new RegExp(`^.*"resource":"${resource}".*$`, "m"));
    return (JSON.parse(line) as { worker: number }).worker;
  }

  it("share a port, are told of once, and serve each other's users", async () => {
    const server = await place.start();
    assert.equal(server.stdout.match(/^c2s listening on/gm)?.length, 1);
    await place.addUser("romeo@localhost", "secret");
    await place.addUser("juliet@localhost", "secret");
    const port = await server.port();
    const romeo = await RawClient.online(port, { name: "romeo", resource: "orchard" });
    const juliet = await RawClient.online(port, { name: "juliet", resource: "balcony" });
    const workers = [await workerOf(server, "orchard"), await workerOf(server, "balcony")];
    assert.deepEqual(workers.sort(), [1, 2]);
    romeo.write("<message to='juliet@localhost' type='chat'><body>across</body></message>");
    await juliet.receives(/across/);
    juliet.write("<message to='romeo@localhost/orchard' type='chat'><body>and back</body></message>");
    await romeo.receives(/and back/);
    for (const client of [romeo, juliet]) client.drop();
    for (const name of ["romeo", "juliet"]) {
      const { code, stderr } = await place.run(["user", "delete", `${name}@localhost`]);
      assert.equal(code, 0, stderr);
    }
  });

  it("may talk through RabbitMQ, as nodes of a larger cluster do", async function () {
    const prefix = `spec-${randomUUID().slice(0, 8)}`;
    const cluster = { workers: 2, adapter: "rabbitmq", options: { url: await rabbitUrl(this), prefix } };
    await place.configure(options({ cluster }));
    const server = await place.start();
    const port = await server.port();
    for (const name of ["benvolio", "mercutio"]) await place.addUser(`${name}@localhost`, "secret");
    const benvolio = await RawClient.online(port, { name: "benvolio", resource: "street" });
    const mercutio = await RawClient.online(port, { name: "mercutio", resource: "square" });
    const workers = [await workerOf(server, "street"), await workerOf(server, "square")];
    assert.deepEqual(workers.sort(), [1, 2]);
    benvolio.write("<message to='mercutio@localhost' type='chat'><body>part, fools</body></message>");
    await mercutio.receives(/part, fools/);
    mercutio.write("<message to='benvolio@localhost/street' type='chat'><body>by my heel</body></message>");
    await benvolio.receives(/by my heel/);
    const broker = await sharedRabbit();
    const mailboxes = (await broker?.queues())?.filter((name) => name.startsWith(`${prefix}.mailbox.`));
    if (mailboxes) assert.equal(mailboxes.length, 2);
    for (const client of [benvolio, mercutio]) client.drop();
  });

  it("give all requests of a BOSH session to one of them, over whichever connection they come", async () => {
    await place.configure(options({ listen: [{ type: "http", port: 0 }] }));
    const server = await place.start();
    const port = await server.port("http");
    const ask = async (attributes: string) => {
      const response = await fetch(`http://127.0.0.1:${port}/http-bind`, {
        method: "POST",
        headers: { "content-type": "text/xml", connection: "close" },
        body: `<body xmlns='http://jabber.org/protocol/httpbind' ${attributes}/>`,
      });
      return response.text();
    };
    for (let session = 0; session < 4; session++) {
      const created = await ask(
        "rid='100' to='localhost' wait='0' hold='0' ver='1.6' xml:lang='en' xmpp:version='1.0' xmlns:xmpp='urn:xmpp:xbosh'",
      );
      const [, sid] = /sid=["']([^"']+)["']/.exec(created) ?? [];
      assert.ok(sid, created);
      const answer = await ask(`rid='101' sid='${sid}'`);
      assert.doesNotMatch(answer, /terminate/);
    }
  });

  it("that are killed are replaced, while the others serve on", async () => {
    const server = await place.start();
    const port = await server.port();
    const [first] = pidsOf(server, 1);
    process.kill(first, "SIGKILL");
    await server.says(/a worker has ended/);
    const added = await place.run(["user", "add", "nurse@localhost", "--password-stdin"], "secret\n");
    assert.equal(added.code, 0, added.stderr);
    const nurse = await RawClient.online(port, { name: "nurse", resource: "kitchen" });
    assert.equal(await workerOf(server, "kitchen"), 2);
    await server.says(/(?:"worker":1,[^\n]*"worker serves"[\s\S]*){2}/);
    assert.notEqual(pidsOf(server, 1)[0], first);
    const again = await RawClient.online(port, { name: "nurse", resource: "attic" });
    again.write("<message to='nurse@localhost/kitchen' type='chat'><body>come up</body></message>");
    await nurse.receives(/come up/);
    for (const client of [nurse, again]) client.drop();
  });

  it("that are killed are not missed first: who was there logs in again, and is given what waited", async () => {
    await place.configure(options({ cluster: { workers: 2, beat: "200ms", deadAfter: "10m" } }));
    const server = await place.start();
    const port = await server.port();
    for (const name of ["gregory", "sampson"]) {
      const added = await place.run(["user", "add", `${name}@localhost`, "--password-stdin"], "secret\n");
      assert.equal(added.code, 0, added.stderr);
    }
    const gregory = await RawClient.online(port, { name: "gregory", resource: "kitchen" });
    const sampson = await RawClient.online(port, { name: "sampson", resource: "hall" });
    const killed = await workerOf(server, "kitchen");
    assert.notEqual(await workerOf(server, "hall"), killed);
    process.kill(pidsOf(server, killed)[0], "SIGKILL");
    await server.says(/a worker has ended/);
    sampson.write("<message to='gregory@localhost' type='chat'><body>my fan</body></message>");
    const again = await RawClient.online(port, { name: "gregory", resource: "attic" });
    await again.receives(/my fan/);
    for (const client of [gregory, sampson, again]) client.drop();
  });

  it("that were taken for dead, and were not, are replaced", async () => {
    const server = await place.start();
    const [first] = pidsOf(server, 1);
    process.kill(first, "SIGSTOP");
    await server.says(/"worker":2,[^\n]*what a dead node left has been taken over/);
    process.kill(first, "SIGCONT");
    await server.says(/(?:"worker":1,[^\n]*"worker serves"[\s\S]*){2}/);
    assert.notEqual(pidsOf(server, 1)[0], first);
    assert.equal(runs(first), false);
  });

  it("stop with their server, which ends with 0", async () => {
    const server = await place.start();
    const pids = [1, 2].flatMap((worker) => pidsOf(server, worker));
    assert.equal(pids.length, 2);
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0);
    assert.deepEqual(pids.filter(runs), []);
    assert.ok(!existsSync(join(place.data, "control.sock")));
    assert.equal(server.stderr, "");
  });

  it("stop when their server is killed", async () => {
    const server = await place.start();
    server.signal("SIGKILL");
    // That is when the last who writes to its standard output has ended.
    await server.ended();
  });

  it("take over log levels at SIGHUP", async () => {
    const server = await place.start();
    server.signal("SIGHUP");
    await server.says(/(?:configuration read again[\s\S]*){2}/);
  });

  it("are refused with SQLite, in one sentence", async () => {
    await place.configure({ cluster: { workers: 2 } });
    const { code, stderr } = await place.run(["start"]);
    assert.equal(code, 3);
    assert.match(stderr, /storage\.client: expected postgres or mysql: the workers of a server/);
  });

  it("that cannot start end the server with the reason", async () => {
    await place.configure(
      options({ storage: { client: "postgres", url: "postgres://nobody@127.0.0.1:1/none" } }),
    );
    const { code, stderr } = await place.run(["start"]);
    assert.equal(code, 3);
    const lines = stderr.trimEnd().split("\n");
    assert.equal(lines.length, 2, stderr);
    assert.match(lines[1], /^Worker 1 could not start/);
  });

  it("are not started by hand", async () => {
    const { code, stderr } = await place.run(["worker", "1"]);
    assert.equal(code, 3);
    assert.match(stderr, /by hand/);
  });
});
