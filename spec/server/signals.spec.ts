import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, watch, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { ensureSelfSigned } from "../../src/transport/certificates.js";
import { Place } from "../cli/place.js";
import { RawClient, shownFingerprint } from "../cli/raw-client.js";
import { within } from "../cli/sluice-process.js";

const SHUTDOWN = /<stream:error><system-shutdown[^>]*\/>[\s\S]*<\/stream:stream>/;

/** Resolves when there is such a file. */
async function appears(file: string): Promise<void> {
  const watcher = watch(dirname(file));
  try {
    while (!existsSync(file)) await within(once(watcher, "change"), () => `${file} did not appear`);
  } finally {
    watcher.close();
  }
}

describe("Signals to a running server", () => {
  let place: Place;
  beforeEach(async () => {
    place = new Place();
    await place.configure();
  });
  afterEach(() => place.remove());

  describe("SIGHUP", () => {
    const certificate = () => join(place.path, "localhost.crt");
    const key = () => join(place.path, "localhost.key");

    async function renew(name: string): Promise<void> {
      const pair = await ensureSelfSigned("localhost", join(place.path, name));
      writeFileSync(certificate(), pair.certPem);
      writeFileSync(key(), pair.keyPem);
    }

    const options = (log: object = {}, more: object = {}) => ({
      domains: { localhost: { certificate: certificate(), key: key() } },
      listen: [{ type: "c2s-tls", port: 0 }],
      log: { format: "json", ...log },
      ...more,
    });

    beforeEach(async () => {
      await renew("first");
      await place.configure(options());
      await place.addUser("romeo@localhost", "secret");
    });

    it("takes over a renewed certificate, and keeps who is connected", async () => {
      const server = await place.start();
      const port = await server.port("c2s-tls");
      const before = await shownFingerprint(port, "localhost");
      const romeo = await RawClient.openTls(port, "localhost");
      await romeo.enter({ name: "romeo" });
      await renew("second");
      server.signal("SIGHUP");
      await server.says(/configuration read again/);
      assert.notEqual(await shownFingerprint(port, "localhost"), before);
      await romeo.ping("still-here");
      romeo.drop();
    });

    it("keeps the old certificate and everything else when the new one is bad, and says why", async () => {
      const server = await place.start();
      const port = await server.port("c2s-tls");
      const before = await shownFingerprint(port, "localhost");
      writeFileSync(certificate(), "no certificate");
      await place.configure(options({ level: "trace" }));
      server.signal("SIGHUP");
      const [line] = await server.says(/^.*everything stays as it is.*$/m);
      assert.equal(JSON.parse(line).level, "error");
      assert.match(JSON.parse(line).reason, /certificate file of localhost holds no certificate in PEM form/);
      assert.equal(await shownFingerprint(port, "localhost"), before);
      const romeo = await RawClient.openTls(port, "localhost");
      await romeo.enter({ name: "romeo" });
      romeo.drop();
      assert.ok(!/"level":"(debug|trace)"/.test(server.stdout), server.stdout);
    });

    it("says what is wrong in the configuration, and goes on", async () => {
      const server = await place.start();
      writeFileSync(place.config, "log: { level: loud }\n");
      server.signal("SIGHUP");
      const [line] = await server.says(/^.*everything stays as it is.*$/m);
      assert.match(JSON.parse(line).reason, /sluice\.yaml:1: log\.level: expected trace, debug/);
      const romeo = await RawClient.openTls(await server.port("c2s-tls"), "localhost");
      romeo.drop();
    });

    it("takes over log levels", async () => {
      await place.configure(options({ level: "error" }));
      const server = await place.start();
      const port = await server.port("c2s-tls");
      const before = await RawClient.openTls(port, "localhost");
      await before.enter({ name: "romeo", resource: "before" });
      before.drop();
      await place.configure(options({ level: "error", areas: { server: "info", c2s: "info" } }));
      server.signal("SIGHUP");
      await server.says(/configuration read again/);
      const after = await RawClient.openTls(port, "localhost");
      await after.enter({ name: "romeo", resource: "after" });
      await server.says(/"resource":"after"/);
      assert.ok(!server.stdout.includes('"before"'), server.stdout);
      after.drop();
    });

    it("opens the log file anew, after it was moved away", async () => {
      const file = join(place.path, "sluice.log");
      await place.configure(options({ file }));
      const server = await place.start();
      renameSync(file, `${file}.1`);
      server.signal("SIGHUP");
      await appears(file);
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0);
      assert.ok(existsSync(file));
      assert.match(readFileSync(file, "utf8"), /stopped/);
      assert.ok(!readFileSync(`${file}.1`, "utf8").includes("stopped"));
    });

    it("says so when other options have changed, which need a new start", async () => {
      const server = await place.start();
      await place.configure(options({}, { offline: { maxMessages: 7 } }));
      server.signal("SIGHUP");
      await server.says(/other options have changed too/);
    });
  });

  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    it(`${signal} tells clients of the shutdown and ends with 0, what was queued being stored`, async () => {
      await place.addUser("romeo@localhost", "secret");
      await place.addUser("juliet@localhost", "secret");
      const server = await place.start();
      const port = await server.port();
      const romeo = await RawClient.online(port, { name: "romeo" });
      for (let n = 1; n <= 20; n++)
        romeo.write(`<message to='juliet@localhost' type='chat'><body>kept-${n}.</body></message>`);
      await romeo.ping("all-there");
      server.signal(signal);
      await romeo.receives(SHUTDOWN);
      romeo.drop();
      assert.equal(await server.ended(), 0);
      assert.ok(!existsSync(join(place.data, "control.sock")));

      const again = await place.start();
      const juliet = await RawClient.online(await again.port(), { name: "juliet" });
      await juliet.receives(/kept-20\./);
      const came = [...juliet.text.matchAll(/kept-(\d+)\./g)].map(([, n]) => Number(n));
      assert.deepEqual(
        came,
        Array.from({ length: 20 }, (_, index) => index + 1),
      );
      juliet.drop();
    });
  }

  it("SIGTERM ends the server within the bound although a client never closes its side", async () => {
    await place.configure({ shutdown: { timeout: "300ms" }, stream: { closeTimeout: "1m" } });
    await place.addUser("romeo@localhost", "secret");
    const server = await place.start();
    const romeo = await RawClient.online(await server.port(), { name: "romeo" });
    server.signal("SIGTERM");
    await romeo.receives(SHUTDOWN);
    // RawClient keeps its own side open. The deadline of `ended` is far below closeTimeout.
    assert.equal(await server.ended(), 0);
    romeo.drop();
  });

  describe("SIGTERM ends the server with 0 when its log is heard by nobody:", () => {
    it("the disk is full", async function () {
      if (!existsSync("/dev/full")) this.skip();
      await place.configure({ log: { file: "/dev/full" } });
      const server = await place.start();
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0);
    });

    it("standard output is closed", async () => {
      const server = await place.start();
      server.closeOutputs("stdout");
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0);
    });

    it("both outputs are closed, and lines are logged before", async () => {
      await place.configure({ log: { level: "trace" } });
      await place.addUser("romeo@localhost", "secret");
      const server = await place.start();
      server.closeOutputs("stdout", "stderr");
      const romeo = await RawClient.online(await server.port(), { name: "romeo" });
      romeo.drop();
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0);
    });
  });

  it("a second signal during the stop ends the server at once with 1", async () => {
    await place.configure({ shutdown: { timeout: "1m" }, stream: { closeTimeout: "1m" } });
    await place.addUser("romeo@localhost", "secret");
    const server = await place.start();
    const romeo = await RawClient.online(await server.port(), { name: "romeo" });
    server.signal("SIGTERM");
    await romeo.receives(SHUTDOWN);
    // One that follows within a second is taken for the same (npm passes on what the terminal sent), so it is repeated.
    const repeat = setInterval(() => server.signal("SIGTERM"), 100);
    try {
      assert.equal(await server.ended(), 1);
    } finally {
      clearInterval(repeat);
    }
    assert.match(server.stderr, /^Stopping at once, because of another SIGTERM\.$/m);
    romeo.drop();
  });

  it("kill -9 loses no stored message, and the same data serves again", async () => {
    await place.addUser("romeo@localhost", "secret");
    await place.addUser("juliet@localhost", "secret");
    const server = await place.start();
    const romeo = await RawClient.online(await server.port(), { name: "romeo" });
    romeo.write("<enable xmlns='urn:xmpp:sm:3'/>");
    await romeo.receives(/<enabled/);
    romeo.write("<message to='juliet@localhost' type='chat'><body>before the end</body></message>");
    romeo.write("<r xmlns='urn:xmpp:sm:3'/>");
    // Acknowledged means stored: XEP-0198 §4.
    await romeo.receives(/<a [^>]*h=["']1["']/);
    await server.kill();
    romeo.drop();
    assert.ok(existsSync(join(place.data, "control.sock")), "what a killed server leaves behind");

    const again = await place.start();
    const juliet = await RawClient.online(await again.port(), { name: "juliet" });
    await juliet.receives(/before the end/);
    juliet.drop();
    await place.addUser("mercutio@localhost", "secret");
  });
});
