import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LogConfig } from "../src/config/schema.js";
import { SetupError } from "../src/config/setup-error.js";
import { createLogger, type RootLogger } from "../src/log.js";
import { xml } from "../src/xml/element.js";
import { Jid } from "../src/xmpp/jid.js";
import { Stanza } from "../src/xmpp/stanza.js";

interface Line {
  level: string;
  area: string;
  msg?: string;
  [field: string]: unknown;
}

function setUp(config: Partial<LogConfig> = {}): { log: RootLogger; raw: string[]; lines: () => Line[] } {
  const raw: string[] = [];
  const log = createLogger(
    { level: "info", areas: {}, format: "json", ...config },
    { write: (line) => raw.push(line) },
  );
  return { log, raw, lines: () => raw.map((line) => JSON.parse(line)) };
}

describe("the log", () => {
  it("writes one JSON object a line, with level, time, area, fields and message", () => {
    const { log, raw, lines } = setUp();
    log.child({ area: "c2s", conn: 7 }).info({ port: 5222 }, "client connected");
    const [{ time, ...line }] = lines();
    assert.deepEqual(line, { level: "info", area: "c2s", conn: 7, port: 5222, msg: "client connected" });
    assert(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
    assert.match(raw[0], /^[^\n]+\n$/);
  });

  it("takes a message alone, fields alone, or an error", () => {
    const { log, lines } = setUp();
    log.info("alone");
    log.warn({ count: 1 });
    log.error(new RangeError("too far", { cause: new Error("the reason") }));
    log.error({ err: new Error("inner") }, "outer");
    const [alone, fields, error, outer] = lines();
    assert.equal(alone.msg, "alone");
    assert.equal(fields.count, 1);
    assert.equal(error.msg, "too far");
    const shown = error.err as { type: string; stack: string; cause: { message: string } };
    assert.equal(shown.type, "RangeError");
    assert.match(shown.stack, /^RangeError: too far\n +at .*log\.spec/);
    assert.equal(shown.cause.message, "the reason");
    assert.equal((outer.err as { message: string }).message, "inner");
    assert.equal(outer.msg, "outer");
  });

  it("lets a child add to and replace the fields of its parent", () => {
    const { log, raw, lines } = setUp();
    log.child({ area: "c2s", conn: 7 }).child({ area: "auth", account: "a@b" }).info("x");
    assert.equal(lines()[0].area, "auth");
    assert.equal(lines()[0].conn, 7);
    assert.equal(raw[0].match(/"area"/g)?.length, 1);
  });

  describe("levels", () => {
    it("hold back what is below them", () => {
      const { log, lines } = setUp({ level: "warn" });
      for (const level of ["trace", "debug", "info", "warn", "error"] as const) log[level](level);
      assert.deepEqual(
        lines().map(({ msg }) => msg),
        ["warn", "error"],
      );
    });

    it("may differ from area to area", () => {
      const { log, lines } = setUp({ level: "silent", areas: { c2s: "debug" } });
      log.error("server");
      log.child({ area: "storage" }).error("storage");
      log.child({ area: "c2s" }).debug("c2s");
      log.child({ area: "c2s" }).trace("c2s");
      assert.deepEqual(
        lines().map(({ msg }) => msg),
        ["c2s"],
      );
    });

    it("can be changed while loggers are in use", () => {
      const { log, lines } = setUp();
      const c2s = log.child({ area: "c2s" });
      const deeper = c2s.child({ conn: 1 });
      deeper.debug("before");
      log.setLevels({ level: "error", areas: { c2s: "debug" } });
      deeper.debug("after");
      log.info("the others follow the general level");
      log.setLevels({ level: "info", areas: {} });
      deeper.debug("back again");
      assert.deepEqual(
        lines().map(({ msg }) => msg),
        ["after"],
      );
    });

    it("can be asked for before something costly is built", () => {
      const { log } = setUp({ areas: { c2s: "debug" } });
      assert.equal(log.enabled("debug"), false);
      assert.equal(log.enabled("info"), true);
      assert.equal(log.child({ area: "c2s" }).enabled("debug"), true);
    });
  });

  describe("never shows", () => {
    const secret = "hunter2";
    const message = Stanza.make(
      "message",
      { to: Jid.parse("romeo@example.net"), type: "chat" },
      xml("body", {}, secret),
    );
    const xhtml = `<message to='a@b'><html><p>hi <b>there</b> ${secret}</p></html></message>`;
    const databaseError = Object.assign(new Error(`insert values ('<body>${secret}</body>')`), {
      sql: `update accounts set password = '${secret}'`,
      bindings: [secret],
    });

    for (const [what, fields] of [
      ["a password", { password: secret }],
      ["a password deep inside", { a: [{ b: { userPassword: secret } }] }],
      ["a token", { accessToken: secret }],
      ["a message body", { body: secret }],
      ["a SASL payload", { payload: Buffer.from(secret) }],
      ["bytes", { data: Buffer.from(secret) }],
      ["the text of a stanza", { stanza: message }],
      ["the text of an element", { element: xml("body", {}, secret) }],
      ["the text in raw XML", { raw: xhtml }],
      ["the text in XML that is cut off", { raw: `<message><body>${secret}` }],
      ["the text in XML within a list", { seen: [xhtml] }],
      ["the password in a URL", { url: `postgres://sluice:${secret}@127.0.0.1/sluice` }],
      ["a password with an @ in a URL", { url: `postgres://sluice:a@${secret}@127.0.0.1/sluice` }],
      ["a statement with its values", databaseError],
      ["a statement in the cause of an error", new Error("failed", { cause: databaseError })],
      [
        "what an unknown object holds",
        {
          session: new (class Session {
            password = secret;
          })(),
        },
      ],
    ] as const) {
      it(what, () => {
        const { log, raw } = setUp();
        log.info(fields, "something happened");
        log.child({ ...fields }).info("with fields of the logger");
        assert.equal(raw.length, 2);
        assert.doesNotMatch(raw.join(""), /hunter2|aHVudGVyMg/);
      });
    }

    it("the text of XML in the message", () => {
      const { log, raw } = setUp();
      log.info(`received ${xhtml}`);
      log.info({}, `received ${xhtml}`);
      log.error(new Error(`received ${xhtml}`));
      log.error({}, new Error(`received ${xhtml}`).message);
      assert.equal(raw.length, 4);
      assert.doesNotMatch(raw.join(""), /hunter2/);
    });
  });

  it("shows addresses, dates, big numbers and the opening tag of a stanza", () => {
    const { log, lines } = setUp();
    const stanza = Stanza.make("presence", { to: Jid.parse("a@b"), type: "subscribe" });
    log.info({ jid: Jid.parse("a@b/c"), at: new Date(0), id: 12n, stanza, list: [1, null, true] }, "x");
    const [{ jid, at, id, list, stanza: shown }] = lines();
    assert.deepEqual([jid, at, id, list], ["a@b/c", "1970-01-01T00:00:00.000Z", "12", [1, null, true]]);
    assert.match(String(shown), /^<presence .*type="subscribe".*>$/);
  });

  it("survives an object that contains itself", () => {
    const { log, raw } = setUp();
    const circle: { self?: unknown } = {};
    circle.self = circle;
    log.info(circle, "x");
    assert.equal(raw.length, 1);
  });

  it("writes lines for people when asked to", () => {
    const { log, raw } = setUp({ format: "pretty" });
    log.child({ area: "c2s", conn: 7 }).info({ reason: "two words" }, "client left");
    assert.match(
      raw[0],
      /^\d\d:\d\d:\d\d\.\d{3} info {2}c2s: client left {2}conn=7 {2}reason="two words"\n$/,
    );
    log.error(new Error("broken"));
    assert.match(raw[1], /error server: broken\n +Error: broken\n +at /);
  });

  describe("in a file", () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "sluice-log-"));
    });
    afterEach(() => rmSync(folder, { recursive: true }));

    it("is appended to, in a folder that is made, and complete once closed", async () => {
      const file = join(folder, "new", "sluice.log");
      for (const run of ["first", "second"]) {
        const log = createLogger({ level: "info", areas: {}, format: "json", file });
        log.info(run);
        await log.close();
      }
      const lines = readFileSync(file, "utf8").trim().split("\n");
      assert.deepEqual(
        lines.map((line) => JSON.parse(line).msg),
        ["first", "second"],
      );
    });

    it("is opened anew after it was rotated, and loses no line", async () => {
      const file = join(folder, "sluice.log");
      const log = createLogger({ level: "info", areas: {}, format: "json", file });
      log.info("old");
      renameSync(file, `${file}.1`);
      log.reopen();
      log.info("new");
      await log.close();
      assert.match(readFileSync(`${file}.1`, "utf8"), /old/);
      assert.match(readFileSync(file, "utf8"), /new/);
      assert(statSync(file).size > 0);
    });

    it("that takes nothing, as on a full disk, can be closed nevertheless", async function () {
      if (!existsSync("/dev/full")) this.skip();
      const log = createLogger({ level: "info", areas: {}, format: "json", file: "/dev/full" });
      log.info("lost");
      await log.close();
      log.info("nobody minds a line that comes too late");
    });

    it("that cannot be written is told in one sentence", () => {
      assert.throws(
        () => createLogger({ level: "info", areas: {}, format: "json", file: folder }),
        (error) => error instanceof SetupError && error.message.includes(folder),
      );
    });
  });
});
