import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exitCodes } from "../../src/cli/exit-codes.js";
import { Place } from "./place.js";
import { sluice } from "./sluice-process.js";

const COMMANDS = [
  ["start"],
  ["check"],
  ["hooks"],
  ["script"],
  ["user"],
  ...["add", "passwd", "delete", "list", "import"].map((name) => ["user", name]),
  ["cluster"],
  ["cluster", "status"],
  ["dead-letters"],
  ...["list", "show", "replay", "drop"].map((name) => ["dead-letters", name]),
  ["drain"],
];

describe("The sluice command", () => {
  let place: Place;
  beforeEach(async () => {
    place = new Place();
    await place.configure();
  });
  afterEach(() => place.remove());

  describe("--help", () => {
    for (const command of [[], ...COMMANDS]) {
      const name = ["sluice", ...command].join(" ");
      it(`tells what ${name} does, and of --config and --set`, async () => {
        const { code, stdout, stderr } = await sluice([...command, "--help"]);
        assert.equal(code, 0);
        assert.equal(stderr, "");
        assert.ok(stdout.startsWith(`Usage: ${name} `), stdout);
        for (const option of ["--config <file>", "--set <key=value>", "--help"])
          assert.ok(stdout.includes(option), option);
      });
    }

    it("lists every exit code", async () => {
      const { stdout } = await sluice(["--help"]);
      for (const [code, what] of Object.entries(exitCodes)) assert.ok(stdout.includes(`  ${code}  ${what}`));
    });
  });

  describe("exit code 2, with a line that helps, for", () => {
    const cases: [string, string[], RegExp][] = [
      ["an unknown command", ["strat"], /unknown command 'strat'[\s\S]*Did you mean start\?/],
      ["an unknown command on accounts", ["user", "ad"], /unknown command 'ad'[\s\S]*Did you mean add\?/],
      [
        "an unknown option",
        ["check", "--confg", "x"],
        /unknown option '--confg'[\s\S]*Did you mean --config\?/,
      ],
      ["an option without its value", ["check", "--config"], /argument missing/],
      ["an argument too many", ["check", "more"], /too many arguments/],
      ["a missing argument", ["user", "add"], /missing required argument 'jid'/],
      ["no time", ["drain", "--time", "soon"], /--time <time>' argument 'soon' is invalid/],
      ["no number", ["dead-letters", "list", "--limit", "0"], /--limit <count>' argument '0' is invalid/],
    ];
    for (const [what, args, expected] of cases) {
      it(what, async () => {
        const { code, stdout, stderr } = await sluice(args);
        assert.equal(code, 2);
        assert.equal(stdout, "");
        assert.match(stderr, expected);
        assert.match(stderr, /Add --help/);
      });
    }

    it("no command at all", async () => {
      const { code, stderr } = await sluice([]);
      assert.equal(code, 2);
      assert.match(stderr, /Usage: sluice/);
    });

    it("a password on the command line, which is no option", async () => {
      const { code } = await sluice(["user", "add", "romeo@localhost", "secret"]);
      assert.equal(code, 2);
    });
  });

  describe("check", () => {
    it("says that a configuration is right, and makes nothing", async () => {
      const { code, stdout, stderr } = await place.run(["check"]);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(stdout, `${place.config} is right.\n`);
      assert.ok(!existsSync(place.data));
    });

    it("says that the defaults are right where there is no file", async () => {
      const { code, stdout } = await sluice(["check"], "", { cwd: place.path });
      assert.equal(code, 0);
      assert.match(stdout, /^The default configuration is right/);
    });

    it("tells every mistake with its file, line and key, and guesses what was meant", async () => {
      await writeFile(
        place.config,
        "domains:\n  localhost: {}\nlisen: []\nlog:\n  level: loud\n  fromat: json\n",
      );
      const { code, stderr } = await place.run(["check"]);
      assert.equal(code, 3);
      assert.deepEqual(stderr.trimEnd().split("\n"), [
        `${place.config}:3: lisen: unknown option, did you mean listen?`,
        `${place.config}:5: log.level: expected trace, debug, info, warn, error or silent, found "loud"`,
        `${place.config}:6: log.fromat: unknown option, did you mean format?`,
      ]);
    });

    it("tells mistakes in plugins and missing certificates together", async () => {
      await writeFile(
        place.config,
        [
          "domains:",
          "  a.example: { certificate: no.crt, key: no.key }",
          "  b.example: { certificate: neither.crt, key: neither.key }",
          "plugins:",
          "  pnig: {}",
          "  vcard: { maxSize: much }",
        ].join("\n"),
      );
      const { code, stderr } = await place.run(["check"]);
      assert.equal(code, 3);
      const [first, second, third, fourth] = stderr.split("\n");
      assert.equal(first, `${place.config}:5: plugins.pnig: there is no such plugin, did you mean ping?`);
      assert.ok(second.startsWith(`${place.config}:6: plugins.vcard.maxSize: expected a size`), second);
      assert.match(third, /no\.crt cannot be read \(ENOENT\)\. Check domains\."a\.example"\.certificate/);
      assert.match(fourth, /neither\.crt cannot be read/);
    });

    it("tells missing certificates together with mistakes in options", async () => {
      await writeFile(
        place.config,
        [
          "domains:",
          "  a.example: { certificate: no.crt, key: no.key, anonymous: maybe }",
          "  b.example: { certificate: lonely.crt }",
          "  c.example: { anonymous: perhaps }",
          "tls: { required: yess }",
        ].join("\n"),
      );
      const { code, stderr } = await place.run(["check"]);
      assert.equal(code, 3);
      const expected = [
        /:2: domains\."a\.example"\.anonymous: expected true or false/,
        /:3: domains\."b\.example"\.key: expected a key too/,
        /:4: domains\."c\.example"\.anonymous: expected true or false/,
        /:5: tls\.required: expected true or false/,
        /no\.crt cannot be read \(ENOENT\)\. Check domains\."a\.example"\.certificate/,
        /lonely\.crt cannot be read \(ENOENT\)\. Check domains\."b\.example"\.certificate/,
      ];
      const lines = stderr.trimEnd().split("\n");
      assert.equal(lines.length, expected.length, stderr);
      for (const [at, pattern] of expected.entries()) assert.match(lines[at], pattern);
    });

    for (const command of ["check", "start", "hooks"]) {
      it(`tells mistakes of options, of plugins' options and of plugins themselves at once (${command})`, async () => {
        const broken = join(place.path, "broken.mjs");
        const needy = join(place.path, "needy.mjs");
        await writeFile(broken, "export default {");
        await writeFile(needy, "export default { name: 'needy', requires: ['disco'], setup() {} };");
        const lines = [
          "domains:",
          "  localhost: { plugins: { vcard: { maxSize: much } } }",
          "plugins:",
          `  "${broken}": {}`,
          "  pnig: {}",
          "  register: { minNameLength: 0 }",
          "  time: 3",
          "  ./nowhere.js: {}",
          `  "${needy}": {}`,
          "  disco: false",
          "stream: { maxDepth: no }",
        ];
        await writeFile(place.config, lines.join("\n"));
        const first = await place.run([command]);
        assert.equal(first.code, 3);
        const told = first.stderr.trimEnd().split("\n");
        const expected: [number, RegExp][] = [
          [2, /^domains\.localhost\.plugins\.vcard\.maxSize: expected a size/],
          [4, /^plugins\.".*broken\.mjs": expected a plugin that can be loaded: /],
          [5, /^plugins\.pnig: there is no such plugin, did you mean ping\?$/],
          [6, /^plugins\.register\.minNameLength: expected a whole number/],
          [7, /^plugins\.time: expected options/],
          [8, /^plugins\."\.\/nowhere\.js": expected a plugin that can be loaded: Cannot find module/],
          [11, /^stream\.maxDepth: expected a whole number/],
        ];
        assert.deepEqual(
          told.map((line) => line.slice(0, line.indexOf(": "))),
          expected.map(([line]) => `${place.config}:${line}`),
        );
        for (const [at, [, message]] of expected.entries())
          assert.match(told[at].slice(told[at].indexOf(": ") + 2), message);

        // What is left is that one plugin needs another.
        const right = lines.filter((_line, at) => at !== 0 && !expected.some(([line]) => line === at + 1));
        await writeFile(place.config, right.join("\n"));
        const second = await place.run([command]);
        assert.equal(second.code, 3);
        assert.equal(
          second.stderr,
          `${place.config}:2: plugins."${needy}": expected the plugin disco to be on for localhost too, which this one requires\n`,
        );
      });
    }

    it("tells which variable or --set holds the mistake", async () => {
      const { code, stderr } = await sluice(["check", "--set", "stream.maxDept=3", "--set", "nonsense"], "", {
        cwd: place.path,
        env: { SLUICE_LOG__LEVEL: "loud", SLUICE_LIMIT: "1" },
      });
      assert.equal(code, 3);
      assert.match(stderr, /^--set: nonsense: expected key=value/m);
      assert.match(stderr, /^--set: stream\.maxDept: unknown option, did you mean maxDepth\?/m);
      assert.match(stderr, /^SLUICE_LOG__LEVEL: log\.level: expected trace/m);
    });

    it("says what to do about a file that is not there", async () => {
      const { code, stderr } = await sluice(["check", "--config", "nowhere.yaml"], "", { cwd: place.path });
      assert.equal(code, 3);
      assert.match(stderr, /^The configuration file nowhere\.yaml cannot be read \(ENOENT\)\..*\n$/);
    });
  });

  it("lets --set win over the environment, and that over the file", async () => {
    await place.configure({ domains: { "file.example": {} } });
    const env = { SLUICE_DOMAINS: "{env.example: {}}" };
    const set = ["--set", "domains={set.example: {}}"];
    const served = async (args: string[], given: NodeJS.ProcessEnv) => {
      const { stdout } = await sluice(["hooks", "--config", place.config, ...args], "", { env: given });
      return stdout.split("\n")[0];
    };
    assert.equal(await served([], {}), "file.example");
    assert.equal(await served([], env), "env.example");
    assert.equal(await served(set, env), "set.example");
  });

  it("lists the hook points of each domain with those who run there", async () => {
    await place.configure({ domains: { "a.example": {}, "b.example": {} } });
    const { code, stdout } = await place.run(["hooks"]);
    assert.equal(code, 0);
    assert.deepEqual(
      stdout.split("\n").filter((line) => line !== "" && !line.startsWith(" ")),
      ["a.example", "b.example"],
    );
    assert.match(stdout, /^ {2}stanza:received +\S+ \(-?\d+\)/m);
    assert.ok(!existsSync(place.data));
  });

  describe("script", () => {
    const SCRIPT = (answer: string) =>
      [
        "# Ping",
        "[Client] Romeo\n\tjid: romeo@localhost\n\tpassword: password",
        "-----",
        "Romeo connects",
        "Romeo sends:\n\t<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>",
        `Romeo receives:\n\t<iq type='${answer}' id='p' from='localhost'/>`,
      ].join("\n\n");

    it("plays conversations and says which passed", async () => {
      await writeFile(join(place.path, "ping.scs"), SCRIPT("result"));
      const { code, stdout } = await place.run(["script", "ping.scs"]);
      assert.deepEqual([code, stdout], [0, "ping.scs: passed\n"]);
    });

    it("exits with 4 when one failed, and shows where", async () => {
      await writeFile(join(place.path, "good.scs"), SCRIPT("result"));
      await writeFile(join(place.path, "bad.scs"), SCRIPT("error"));
      const { code, stdout, stderr } = await place.run(["script", "good.scs", "bad.scs"]);
      assert.equal(code, 4);
      assert.match(stdout, /good\.scs: passed/);
      assert.match(stdout, /bad\.scs: failed[\s\S]*bad\.scs:\d+/);
      assert.equal(stderr, "1 of 2 scripts failed.\n");
    });

    it("exits with 3 for a file that is not there", async () => {
      const { code, stderr } = await place.run(["script", "nowhere.scs"]);
      assert.equal(code, 3);
      assert.match(stderr, /^The file nowhere\.scs cannot be read \(ENOENT\)/);
    });
  });
});
