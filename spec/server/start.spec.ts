import assert from "node:assert/strict";
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { ensureSelfSigned } from "../../src/transport/certificates.js";
import { Place } from "../cli/place.js";
import { RawClient } from "../cli/raw-client.js";
import { SluiceProcess } from "../cli/sluice-process.js";

describe("Starting a server", () => {
  let place: Place;
  beforeEach(async () => {
    place = new Place();
    await place.configure();
  });
  afterEach(() => place.remove());

  /** The one thing that it says, and exit code 3. */
  async function refusal(...args: string[]): Promise<string> {
    const server = place.launch(...args);
    const code = await server.ended();
    assert.equal(code, 3, `${code}: ${server.stderr}`);
    const lines = server.stderr.trimEnd().split("\n");
    assert.equal(lines.length, 1, server.stderr);
    return lines[0];
  }

  it("says what listens where, with the port it picked for 0, and how long it takes", async function () {
    await place.start().then((server) => server.kill());
    const began = performance.now();
    const server = await place.start();
    const took = Math.round(performance.now() - began);
    // Shown, not asserted: it depends on the machine and on what else it does.
    (this.test as Mocha.Test).title += ` (${took} ms)`;
    assert.match(server.stdout, /^c2s listening on 127\.0\.0\.1:[1-9]\d+$/m);
    assert.match(server.stdout, /^Add an account with: npx sluice user add NAME@localhost$/m);
    const client = await RawClient.open(await server.port());
    client.drop();
  });

  it("lets several servers stand side by side, each with its own ports and data", async () => {
    const other = new Place();
    try {
      await other.configure();
      await place.addUser("romeo@localhost", "secret");
      await other.addUser("juliet@localhost", "secret");
      const ports = await Promise.all([
        place.start().then((server) => server.port()),
        other.start().then((server) => server.port()),
      ]);
      assert.notEqual(ports[0], ports[1]);
      const romeo = await RawClient.online(ports[0], { name: "romeo" });
      const juliet = await RawClient.online(ports[1], { name: "juliet" });
      romeo.drop();
      juliet.drop();
      const stranger = await RawClient.open(ports[1]);
      assert.equal(await stranger.logIn({ name: "romeo" }), false);
      stranger.drop();
    } finally {
      await other.remove();
    }
  });

  it("refuses a data folder that a running server has, which goes on undisturbed", async () => {
    const first = await place.start();
    assert.match(
      await refusal(),
      /^A server is running already with .*\/data\. Stop it, or give this one another/,
    );
    const client = await RawClient.open(await first.port());
    client.drop();
    await place.addUser("romeo@localhost", "secret");
  });

  it("lets one of two that start at the same moment have the data folder", async () => {
    const both = [place.launch(), place.launch()];
    const serves = both.map((server) => server.says(/^Sluice serves/m).then(() => server));
    const winner = await Promise.any(serves);
    const [loser] = both.filter((server) => server !== winner);
    assert.equal(await loser.ended(), 3, loser.stderr);
    assert.match(loser.stderr, /^A server is running already with /);
    await Promise.allSettled(serves);
    await place.addUser("romeo@localhost", "secret");
  });

  describe("says in one sentence what is wrong and what to do, with exit code 3:", () => {
    it("a port in use", async () => {
      const taken = createServer();
      await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
      try {
        const { port } = taken.address() as { port: number };
        await place.configure({
          listen: [{ type: "c2s", port }],
          tls: { selfSigned: true },
          log: { level: "error" },
        });
        assert.match(
          await refusal(),
          new RegExp(
            `^Port ${port} on 127\\.0\\.0\\.1 is in use by another program\\. Stop that program, or give`,
          ),
        );
      } finally {
        taken.close();
      }
    });

    it("a host that is not of this machine", async () => {
      // RFC 5737 §3: an address for documentation.
      await place.configure({ listen: [{ type: "c2s", host: "192.0.2.1", port: 0 }] });
      assert.match(
        await refusal(),
        /^192\.0\.2\.1 is no address of this machine\. Correct the host under listen\.$/,
      );
    });

    it("a data folder that cannot be made", async () => {
      writeFileSync(join(place.path, "file"), "");
      // What is below a file cannot be written by root either.
      await place.configure({ data: join(place.path, "file", "data") });
      assert.match(
        await refusal(),
        /^The data folder .*\/file\/data cannot be made: a file is in its way \(ENOTDIR\)\. Make it, .* or name another/,
      );
    });

    it("a data folder where nothing can be made", async function () {
      // What is there says that what is to be made in it does not exist.
      if (!existsSync("/proc/self")) return this.skip();
      for (const data of ["/proc/sluice", "/proc/sluice/data"]) {
        await place.configure({ data });
        assert.match(
          await refusal(),
          /^The data folder \/proc\/sluice\S* cannot be made \(ENOENT\)\. Make it, .* or name another/,
        );
      }
    });

    it("a data folder that cannot be written", async function () {
      // There even root cannot write; elsewhere than on Linux it may not be there.
      if (!existsSync("/proc/self")) return this.skip();
      await place.configure({ data: "/proc/self" });
      assert.match(
        await refusal(),
        /^The data folder \/proc\/self cannot be written \(E[A-Z]+\)\. Let the user .* or name another with data:/,
      );
    });

    it("a certificate that is not there", async () => {
      await place.configure({ domains: { "a.example": { certificate: "no.crt", key: "no.key" } } });
      assert.match(
        await refusal(),
        /no\.crt cannot be read \(ENOENT\)\. Check domains\."a\.example"\.certificate/,
      );
    });

    it("a certificate with the key of another", async () => {
      const [one, other] = await Promise.all(
        ["one", "other"].map((folder) => ensureSelfSigned("localhost", join(place.path, folder))),
      );
      const certificate = join(place.path, "localhost.crt");
      const key = join(place.path, "localhost.key");
      writeFileSync(certificate, one.certPem);
      writeFileSync(key, other.keyPem);
      await place.configure({ domains: { localhost: { certificate, key } } });
      assert.match(
        await refusal(),
        /^The certificate and the key of localhost do not belong together\. Check/,
      );
    });

    for (const [client, scheme] of [
      ["postgres", "postgres"],
      ["mysql", "mysql"],
    ]) {
      it(`a ${client} server that does not answer, without the password of its address`, async () => {
        // Port 9 is nobody's here: discard, RFC 863.
        const url = `${scheme}://sluice:geheim@127.0.0.1:9/sluice`;
        await place.configure({ storage: { client, url }, log: { level: "error" } });
        const sentence = await refusal();
        assert.match(
          sentence,
          /^The database server at 127\.0\.0\.1:9\/sluice cannot be reached\. Start it, or/,
        );
        assert.ok(!sentence.includes("geheim"));
      });
    }

    it("a plugin that does not exist", async () => {
      await place.configure({ plugins: { pong: {} } });
      assert.match(
        await refusal(),
        /sluice\.yaml:\d+: plugins\.pong: there is no such plugin, did you mean ping\?$/,
      );
    });

    it("a log file that cannot be written", async () => {
      mkdirSync(join(place.path, "sluice.log"));
      await place.configure({ log: { file: join(place.path, "sluice.log") } });
      assert.match(await refusal(), /^The log file .*sluice\.log cannot be written \(EISDIR\)/);
    });
  });

  it("keeps its data to the owner alone, whatever the umask", async () => {
    const before = process.umask(0);
    try {
      await place.configure({ domains: { "a.example": {}, "b.example": {} } });
      const server = await place.start();
      await place.addUser("romeo@a.example", "secret");
      const client = await RawClient.online(await server.port(), { name: "romeo", domain: "a.example" });
      client.drop();
    } finally {
      process.umask(before);
    }
    const found = readdirSync(place.data, { recursive: true, encoding: "utf8" }).sort();
    const expected = ["certificates/a.example.pem", "control.sock", "sluice.sqlite-shm", "sluice.sqlite-wal"];
    for (const name of expected) assert.ok(found.includes(name), name);
    for (const name of ["", ...found]) {
      const stats = lstatSync(join(place.data, name));
      assert.equal((stats.mode & 0o777).toString(8), stats.isDirectory() ? "700" : "600", name);
    }
  });

  it("closes a database to others that is open to them, and says when the data folder is", async () => {
    mkdirSync(place.data);
    const database = join(place.data, "sluice.sqlite");
    writeFileSync(database, "");
    chmodSync(place.data, 0o755);
    chmodSync(database, 0o644);
    const server = await place.start();
    assert.match(
      server.stdout,
      /"mode":"755","msg":"other users of this machine may look into the data folder/,
    );
    assert.match(
      server.stdout,
      /"mode":"644","msg":"other users of this machine could open a file of the database/,
    );
    assert.equal(lstatSync(place.data).mode & 0o777, 0o755);
    assert.equal(lstatSync(database).mode & 0o777, 0o600);
    assert.equal(lstatSync(`${database}-wal`).mode & 0o777, 0o600);
  });

  it("keeps its control socket to the owner when the data folder is too deep for one", async () => {
    const data = join(place.path, "deep".repeat(20), "data");
    await place.configure({ data });
    const server = await place.start();
    await place.addUser("romeo@localhost", "secret");
    const romeo = await RawClient.online(await server.port(), { name: "romeo" });
    romeo.drop();
    const second = new SluiceProcess(["start", "--config", place.config]);
    assert.equal(await second.ended(), 3);
    // In order, so that nothing stays among the temporary files.
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0);
  });
});
