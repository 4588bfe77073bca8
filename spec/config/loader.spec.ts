import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as z from "zod";
import { ConfigError, type ConfigSources, loadConfig } from "../../src/config/loader.js";
import { validatePlugins } from "../../src/config/plugin-options.js";
import { sqliteFile } from "../../src/config/schema.js";
import { SetupError } from "../../src/config/setup-error.js";
import { duration } from "../../src/config/values.js";

function mistakes(sources: ConfigSources | (() => unknown)): string[] {
  try {
    if (typeof sources === "function") sources();
    else loadConfig({ file: "test.yaml", ...sources });
  } catch (error) {
    assert(error instanceof ConfigError, String(error));
    assert.equal(error.message.split("\n").length, error.problems.length);
    return error.message.split("\n");
  }
  throw new assert.AssertionError({ message: "no mistake was found" });
}

describe("loadConfig", () => {
  describe("values", () => {
    it("fills in every default when nothing is configured", () => {
      const { config } = loadConfig({ text: "" });
      assert.deepEqual(Object.keys(config.domains), ["localhost"]);
      assert.deepEqual(
        config.listen.map(({ type, port }) => [type, port]),
        [
          ["c2s", 5222],
          ["c2s-tls", 5223],
          ["http", 5280],
          ["https", 5281],
        ],
      );
      assert.equal(config.stream.maxStanzaSize, 256 * 1024);
      assert.equal(config.plugins.register, false);
      assert.deepEqual(config.plugins.ping, {});
    });

    it("resolves times to milliseconds and sizes to bytes", () => {
      const { config } = loadConfig({
        text: "stream: { closeTimeout: 250ms, unauthenticatedTimeout: 90, idleTimeout: 1h, maxStanzaSize: 64 KiB, sendBuffer: 70000 }",
      });
      assert.equal(config.stream.closeTimeout, 250);
      assert.equal(config.stream.unauthenticatedTimeout, 90_000);
      assert.equal(config.stream.idleTimeout, 3_600_000);
      assert.equal(config.stream.maxStanzaSize, 65_536);
      assert.equal(config.stream.sendBuffer, 70_000);
    });

    it("resolves paths from the working directory, and the database within the data folder", () => {
      const { config } = loadConfig({ text: "data: var\nlog: { file: /tmp/a.log }" });
      assert.equal(config.data, resolve("var"));
      assert.equal(config.log.file, "/tmp/a.log");
      assert.equal(sqliteFile(config), resolve("var/sluice.sqlite"));
    });

    it("takes a section with nothing in it for its defaults", () => {
      const { config } = loadConfig({
        text: "tls:\ndomains:\n  example.org:\nplugins:\n  mam:\nlog:\n  areas:",
      });
      assert.equal(config.tls.required, true);
      assert.deepEqual(config.domains, { "example.org": { plugins: {} } });
      assert.deepEqual(config.plugins.mam, {});
      assert.deepEqual(config.plugins.disco, {}, "plugins not named keep their default");
    });

    it("takes domains in any script, and IPv4 addresses", () => {
      const { config } = loadConfig({
        text: "domains: { münchen.example: {}, 例え.テスト: {}, 127.0.0.1: {} }",
      });
      assert.equal(Object.keys(config.domains).length, 3);
    });

    it("allows port 0 more than once", () => {
      const { config } = loadConfig({ text: "listen: [{ type: c2s, port: 0 }, { type: c2s, port: 0 }]" });
      assert.equal(config.listen.length, 2);
    });
  });

  describe("sources", () => {
    it("prefers the command line to the environment, and the environment to the file", () => {
      const { config } = loadConfig({
        text: "stream: { maxDepth: 10, maxAttributes: 10, closeTimeout: 1 }",
        env: { SLUICE_STREAM__MAX_DEPTH: "11", SLUICE_STREAM__MAXATTRIBUTES: "11", HOME: "/" },
        set: ["stream.maxDepth=12"],
      });
      assert.deepEqual(
        [config.stream.maxDepth, config.stream.maxAttributes, config.stream.closeTimeout],
        [12, 11, 1000],
      );
    });

    it("reads the values of --set and of variables as YAML", () => {
      const { config } = loadConfig({
        text: "domains: { example.org: {} }",
        set: ['domains."example.org".anonymous=true', "listen.0={type: c2s, port: 1}", "plugins.ping=false"],
        env: { SLUICE_LOG__AREAS: "{c2s: debug}" },
      });
      assert.equal(config.domains["example.org"].anonymous, true);
      assert.deepEqual(config.log.areas, { c2s: "debug" });
      assert.equal(config.plugins.ping, false);
    });

    it("sets one entry of a list that the file has", () => {
      const text = "listen: [{ type: c2s, port: 1 }, { type: c2s, port: 2 }]";
      const { config } = loadConfig({ text, set: ["listen.1.port=3"] });
      assert.deepEqual(
        config.listen.map(({ port }) => port),
        [1, 3],
      );
    });

    it("only warns of a variable of one level that is no option", () => {
      const { warnings } = loadConfig({ text: "", env: { SLUICE_PORT: "tcp://10.0.0.1:5222" } });
      assert.equal(warnings.length, 1);
      assert.match(warnings[0], /SLUICE_PORT/);
    });

    it("cannot be made to change the prototype of objects", () => {
      assert.throws(() => loadConfig({ text: "", set: ["__proto__.polluted=1"] }), ConfigError);
      assert.equal(({} as { polluted?: unknown }).polluted, undefined);
    });

    describe("a file", () => {
      let folder: string;
      beforeEach(() => {
        folder = mkdtempSync(join(tmpdir(), "sluice-config-"));
      });
      afterEach(() => rmSync(folder, { recursive: true }));

      it("is read and named in mistakes", () => {
        const file = join(folder, "my.yaml");
        writeFileSync(file, "# one\nstream:\n  maxDepth: no\n");
        assert.match(mistakes({ file })[0], new RegExp(`^${file}:3: stream\\.maxDepth: `));
      });

      it("that is missing gives one sentence", () => {
        assert.throws(() => loadConfig({ file: join(folder, "none.yaml") }), SetupError);
      });
    });
  });

  describe("mistakes", () => {
    it("are reported all at once, each with its line", () => {
      const text = [
        "steam:",
        "  maxDepth: 3",
        "stream:",
        "  maxStanzaSize: abc",
        "  maxdeptth: 4",
        "storage:",
        "  client: postgres",
        "  pool: { min: 11 }",
        "  urll: x",
        "listen:",
        "  - type: c2s",
        "  - type: c2z",
        "  - type: c2s",
      ].join("\n");
      assert.deepEqual(mistakes({ text }), [
        "test.yaml:1: steam: unknown option, did you mean stream?",
        'test.yaml:4: stream.maxStanzaSize: expected a size from 10000 bytes to 16 MiB, as bytes or such as 64 KiB, found "abc"',
        "test.yaml:5: stream.maxdeptth: unknown option, did you mean maxDepth?",
        "test.yaml:6: storage.url: expected the address of the database, such as postgres://user:password@host/database",
        "test.yaml:8: storage.pool.min: expected at most storage.pool.max, which is 10",
        "test.yaml:9: storage.urll: unknown option, did you mean url?",
        'test.yaml:12: listen.1.type: expected c2s, c2s-tls, http or https, found "c2z"',
        "test.yaml:13: listen.2: expected another port: 127.0.0.1 port 5222 is taken by an entry above",
      ]);
    });

    it("name --set or the variable instead of a line", () => {
      assert.deepEqual(
        mistakes({ text: "", set: ["log.level=loud"], env: { SLUICE_STREAM__MAXDEPTH: "x" } }),
        [
          'SLUICE_STREAM__MAXDEPTH: stream.maxDepth: expected a whole number from 8 to 1000, found "x"',
          '--set: log.level: expected trace, debug, info, warn, error or silent, found "loud"',
        ],
      );
      assert.match(
        mistakes({ text: "", env: { SLUICE_STORAGE__CLIENT: "mysql" } })[0],
        /^SLUICE_STORAGE__CLIENT: /,
      );
      assert.match(mistakes({ text: "", set: ["loglevel"] })[0], /^--set: loglevel: expected key=value/);
      assert.match(mistakes({ text: "", set: ["log=["] })[0], /^--set: log: not valid YAML/);
      assert.match(mistakes({ text: "", set: ["log=*nowhere"] })[0], /^--set: log: not valid YAML/);
    });

    it("in the YAML itself have their line", () => {
      assert.match(mistakes({ text: "a:\n  - [\nb: }" })[0], /^test\.yaml:3: not valid YAML/);
      assert.match(mistakes({ text: "a: *b" })[0], /^test\.yaml:1: not valid YAML/);
    });

    it("include a key that is there twice, together with all others", () => {
      assert.deepEqual(mistakes({ text: "log:\n  level: info\n  level: loud\n" }), [
        "test.yaml:3: log.level: is there twice",
        'test.yaml:3: log.level: expected trace, debug, info, warn, error or silent, found "loud"',
      ]);
    });

    it("tell which key is there twice, wherever it stands", () => {
      const text = "data: x\ndata: y\nlisten:\n  - type: c2s\n    port: 0\n    port: 0\n";
      assert.deepEqual(mistakes({ text }), [
        "test.yaml:2: data: is there twice",
        "test.yaml:6: listen.0.port: is there twice",
      ]);
      assert.deepEqual(mistakes({ text: "", set: ["log={level: info, level: info}"] }), [
        "--set: log.level: is there twice",
      ]);
    });

    it("guess what was meant only where it resembles that", () => {
      const guesses = (text: string) =>
        mistakes({ text }).map((line) => /did you mean (.*)\?$/.exec(line)?.[1]);
      assert.deepEqual(guesses("foo: 1\nbar: 1\nmode: 1\nhost: 1"), [
        undefined,
        undefined,
        undefined,
        "listen.*.host",
      ]);
      assert.deepEqual(guesses("tsl: {}\nloog: {}\nlgo: {}\nsesion: {}\nstroage: {}\n"), [
        "tls",
        "log",
        "log",
        "session",
        "storage",
      ]);
    });

    it("tell in which section an option belongs", () => {
      assert.deepEqual(mistakes({ text: "maxStanzaSize: 64 KiB" }), [
        "test.yaml:1: maxStanzaSize: unknown option, did you mean stream.maxStanzaSize?",
      ]);
    });

    it("never show the password of a database", () => {
      const [line] = mistakes({ text: "storage: { url: 'postgres//u:hunter2@h' }" });
      assert.match(line, /storage\.url/);
      assert.doesNotMatch(line, /hunter2/);
    });

    for (const [title, text, key] of [
      ["a certificate without a key", "domains: { a.org: { certificate: a.pem } }", 'domains."a.org".key'],
      ["a key without a certificate", "domains: { a.org: { key: a.pem } }", 'domains."a.org".certificate'],
      ["a domain in capitals", "domains: { Example.org: {} }", 'domains."Example.org"'],
      ["a domain with an underscore", "domains: { a_b.org: {} }", 'domains."a_b.org"'],
      ["a domain with a hyphen at its end", "domains: { a-.org: {} }", 'domains."a-.org"'],
      [
        "a domain as it stands in DNS",
        "domains: { xn--mnchen-3ya.example: {} }",
        'domains."xn--mnchen-3ya.example"',
      ],
      ["a domain with a dot at its end", "domains: { a.org.: {} }", 'domains."a.org."'],
      ["an IPv6 address for a domain", "domains: { '[::1]': {} }", 'domains."[::1]"'],
      ["a domain that no name is made of", "domains: { '☃.example': {} }", 'domains."☃.example"'],
      ["a domain with a slash", "domains: { a/b: {} }", 'domains."a/b"'],
      ["no domain at all", "domains: {}", "domains"],
      ["no listener at all", "listen: []", "listen"],
      ["a port out of range", "listen: [{ type: c2s, port: 65536 }]", "listen.0.port"],
      ["a stanza limit below 10000 bytes", "stream: { maxStanzaSize: 9999 }", "stream.maxStanzaSize"],
      ["a negative time", "shutdown: { timeout: -1 }", "shutdown.timeout"],
      ["a time with an unknown unit", "shutdown: { timeout: 3w }", "shutdown.timeout"],
      ["a fraction for a whole number", "stream: { maxDepth: 8.5 }", "stream.maxDepth"],
      ["nothing for a number", "stream: { maxDepth: }", "stream.maxDepth"],
      ["an unknown mechanism", "auth: { mechanisms: [PLAN] }", "auth.mechanisms.0"],
      ["a mysql URL for postgres", "storage: { client: postgres, url: 'mysql://h/d' }", "storage.url"],
      ["no text as URL", "storage: { client: postgres, url: [] }", "storage.url"],
      ["plugin options that are no map", "plugins: { ping: 3 }", "plugins.ping"],
    ]) {
      it(`include ${title}`, () => {
        assert.throws(
          () => loadConfig({ text }),
          (error) =>
            error instanceof ConfigError && error.problems.map((problem) => problem.key).join() === key,
        );
      });
    }
  });
});

describe("validatePlugins", () => {
  const schemas = {
    ping: z.strictObject({
      interval: duration().prefault("1m"),
      retries: z.int().min(1).prefault(3),
    }),
    greeting: undefined,
  };

  it("gives each domain the options of its plugins, its own over those of all", () => {
    const loaded = loadConfig({
      text: `
domains:
  a.org:
  b.org: { plugins: { ping: { retries: 1 }, greeting: {} } }
  c.org: { plugins: { ping: false } }
plugins:
  ping: { interval: 5s, retries: 2 }
`,
    });
    const options = validatePlugins(loaded, schemas);
    assert.deepEqual(options.get("a.org"), new Map([["ping", { interval: 5000, retries: 2 }]]));
    assert.deepEqual(
      options.get("b.org"),
      new Map<string, unknown>([
        ["ping", { interval: 5000, retries: 1 }],
        ["greeting", {}],
      ]),
    );
    assert.deepEqual(options.get("c.org"), new Map());
  });

  it("reports every mistake with its line, each once", () => {
    const text = [
      "domains:",
      "  a.org:",
      "  b.org:",
      "    plugins:",
      "      ping: { intervall: 3 }",
      "      pong: {}",
      "plugins:",
      "  ping:",
      "    retries: x",
      "  greeting: { a: 1 }",
    ].join("\n");
    assert.deepEqual(
      mistakes(() => validatePlugins(loadConfig({ text, file: "test.yaml" }), schemas)),
      [
        'test.yaml:5: domains."b.org".plugins.ping.intervall: unknown option, did you mean interval?',
        'test.yaml:6: domains."b.org".plugins.pong: there is no such plugin, did you mean ping?',
        'test.yaml:9: plugins.ping.retries: expected a number, found "x"',
        "test.yaml:10: plugins.greeting.a: unknown option",
      ],
    );
  });
});
