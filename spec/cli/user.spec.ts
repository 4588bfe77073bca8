import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Place } from "./place.js";
import { RawClient } from "./raw-client.js";
import { MAIN, SluiceProcess, within } from "./sluice-process.js";

const ADDRESS = /^.+ is no account address: write name@domain.*\n$/;
const NOT_SERVED = /^\S+ is not served here; .*\n$/;
const NO_PASSWORD = /^This cannot be a password: .*\n$/;

describe("sluice user", () => {
  let place: Place;
  beforeEach(async () => {
    place = new Place();
    await place.configure();
  });
  afterEach(() => place.remove());

  const withPassword = (command: string, jid: string, input: string) =>
    place.run(["user", command, jid, "--password-stdin"], input);

  /** In a server that was started after the change. */
  async function mayLogIn(name: string, password: string, port: number): Promise<boolean> {
    const client = await RawClient.open(port);
    const may = await client.logIn({ name, password });
    client.drop();
    return may;
  }

  const ROSTER = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>";

  /** Romeo and Juliet have each other's presence; Mercutio has asked her for hers, and Romeo asked him. */
  async function friends(port: number): Promise<RawClient[]> {
    const people: RawClient[] = [];
    for (const name of ["romeo", "juliet", "mercutio"]) {
      await place.addUser(`${name}@localhost`, "secret");
      const person = await RawClient.online(port, { name });
      person.write(ROSTER);
      await person.receives(/id=["']roster["']/);
      people.push(person);
    }
    const [romeo, juliet, mercutio] = people;
    const subscribe = async (from: RawClient, to: RawClient, [name, contact]: [string, string]) => {
      from.write(`<presence type='subscribe' to='${contact}@localhost'/>`);
      await to.receives(/<presence[^>]*type=["']subscribe["']/);
      to.write(`<presence type='subscribed' to='${name}@localhost'/>`);
      await from.receives(/<presence[^>]*type=["']subscribed["']/);
    };
    await subscribe(romeo, juliet, ["romeo", "juliet"]);
    await subscribe(juliet, romeo, ["juliet", "romeo"]);
    romeo.write("<presence type='subscribe' to='mercutio@localhost'/>");
    await mercutio.receives(/type=["']subscribe["']/);
    return people;
  }

  /** What a roster has of Romeo, as it is after his end. */
  async function contactOf(name: string, port: number): Promise<string> {
    const person = await RawClient.online(port, { name, resource: "later" });
    person.write(ROSTER);
    const [, items] = await person.receives(/<iq[^>]*id=["']roster["'][^>]*>([\s\S]*?)<\/iq>|never/);
    assert.ok(
      !/type=["']subscribe["']/.test(person.text),
      "a request that waited for an answer is still there",
    );
    person.drop();
    return /<item[^>]*jid=["']romeo@localhost["'][^>]*>/.exec(items)?.[0] ?? "no such contact";
  }

  describe("without a running server", () => {
    it("deletes an account as its user would: nobody stays subscribed to it", async () => {
      const first = await place.start();
      for (const person of await friends(await first.port())) person.drop();
      first.signal("SIGTERM");
      assert.equal(await first.ended(), 0);

      const { code, stdout, stderr } = await place.run(["user", "delete", "romeo@localhost"]);
      assert.deepEqual([code, stdout, stderr], [0, "Deleted romeo@localhost.\n", ""]);

      const port = await (await place.start()).port();
      assert.match(await contactOf("juliet", port), /subscription=["']none["']/);
      assert.equal(await contactOf("mercutio", port), "no such contact");
      assert.equal(await mayLogIn("romeo", "secret", port), false);
    });

    it("adds, lists, changes and deletes accounts", async () => {
      assert.equal(
        (await withPassword("add", "Romeo@localhost", "secret\n")).stdout,
        "Added romeo@localhost.\n",
      );
      await place.addUser("juliet@localhost", "secret");
      assert.equal((await place.run(["user", "list"])).stdout, "juliet@localhost\nromeo@localhost\n");
      const changed = await withPassword("passwd", "romeo@localhost", "another\n");
      assert.equal(changed.stdout, "Changed the password of romeo@localhost.\n");
      const deleted = await place.run(["user", "delete", "juliet@localhost"]);
      assert.deepEqual([deleted.code, deleted.stdout], [0, "Deleted juliet@localhost.\n"]);
      assert.equal((await place.run(["user", "list", "localhost"])).stdout, "romeo@localhost\n");

      const port = await (await place.start()).port();
      assert.deepEqual(
        [await mayLogIn("romeo", "secret", port), await mayLogIn("romeo", "another", port)],
        [false, true],
      );
      assert.equal(await mayLogIn("juliet", "secret", port), false);
    });

    describe("says in one sentence, with exit code 4, that", () => {
      const cases: [string, string[], string, RegExp][] = [
        ["a name cannot be one", ["add", "ro meo@localhost"], "secret", ADDRESS],
        ["an address has no name", ["add", "localhost"], "secret", ADDRESS],
        ["an address has a resource", ["passwd", "romeo@localhost/home"], "secret", ADDRESS],
        ["a domain is not served", ["add", "romeo@capulet.example"], "secret", NOT_SERVED],
        ["a domain to list is not served", ["list", "capulet.example"], "", NOT_SERVED],
        [
          "a password is empty",
          ["add", "romeo@localhost"],
          "\n",
          /^The password is empty; nothing was changed\.\n$/,
        ],
        [
          "there is no password",
          ["add", "romeo@localhost"],
          "",
          /^The password is empty; nothing was changed\.\n$/,
        ],
        ["a password cannot be one", ["add", "romeo@localhost"], "a\u0007b", NO_PASSWORD],
        [
          "there is no account to change",
          ["passwd", "nobody@localhost"],
          "secret",
          /^There is no account nobody@localhost\.\n$/,
        ],
        [
          "there is no account to delete",
          ["delete", "nobody@localhost"],
          "",
          /^There is no account nobody@localhost\.\n$/,
        ],
      ];
      for (const [what, args, input, sentence] of cases) {
        it(what, async () => {
          const { code, stdout, stderr } = await place.run(["user", ...args], input);
          assert.deepEqual([code, stdout], [4, ""]);
          assert.match(stderr, sentence);
        });
      }

      it("an account exists already, whose password stays", async () => {
        await place.addUser("romeo@localhost", "secret");
        const { code, stderr } = await withPassword("add", "romeo@localhost", "another");
        assert.deepEqual([code, stderr], [4, "The account romeo@localhost exists already.\n"]);
        const port = await (await place.start()).port();
        assert.equal(await mayLogIn("romeo", "secret", port), true);
      });
    });
  });

  describe("while the server runs", () => {
    let server: SluiceProcess;
    let port: number;
    beforeEach(async () => {
      server = await place.start();
      port = await server.port();
    });

    it("adds an account that may log in at once, though a login was refused a moment ago", async () => {
      assert.equal(await mayLogIn("romeo", "secret", port), false);
      await place.addUser("romeo@localhost", "secret");
      const romeo = await RawClient.online(port, { name: "romeo" });
      romeo.drop();
    });

    it("changes a password at once: the old one is refused, the new one taken", async () => {
      await place.addUser("romeo@localhost", "secret");
      assert.equal(await mayLogIn("romeo", "secret", port), true);
      assert.equal((await withPassword("passwd", "romeo@localhost", "another")).code, 0);
      assert.equal(await mayLogIn("romeo", "secret", port), false);
      assert.equal(await mayLogIn("romeo", "another", port), true);
    });

    it("deletes an account with its sessions, login, waiting messages, archive and private data", async () => {
      await place.addUser("romeo@localhost", "secret");
      await place.addUser("juliet@localhost", "secret");
      const juliet = await RawClient.online(port, { name: "juliet" });
      juliet.write("<message to='romeo@localhost' type='chat'><body>of-the-old-romeo</body></message>");
      await juliet.ping("stored");
      const romeo = await RawClient.open(port);
      await romeo.logIn({ name: "romeo" });
      romeo.write("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
      await romeo.receives(/<jid>/);
      const storage = "<notes xmlns='urn:example:notes'>old-notes</notes>";
      romeo.write(`<iq type='set' id='note'><query xmlns='jabber:iq:private'>${storage}</query></iq>`);
      await romeo.receives(/type=["']result["'][^>]*id=["']note["']|id=["']note["'][^>]*type=["']result["']/);

      assert.equal((await place.run(["user", "delete", "romeo@localhost"])).code, 0);

      await romeo.receives(/<stream:error><not-authorized[\s\S]*<\/stream:stream>/);
      romeo.drop();
      assert.equal(await mayLogIn("romeo", "secret", port), false);
      juliet.write("<message to='romeo@localhost' type='chat' id='late'><body>nobody there</body></message>");
      await juliet.receives(/type=["']error["'][\s\S]*service-unavailable/);
      juliet.drop();

      await place.addUser("romeo@localhost", "secret");
      const heir = await RawClient.online(port, { name: "romeo" });
      heir.write("<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>");
      await heir.receives(/<fin[\s\S]*<\/iq>/);
      heir.write(
        "<iq type='get' id='notes'><query xmlns='jabber:iq:private'><notes xmlns='urn:example:notes'/></query></iq>",
      );
      await heir.receives(/id=["']notes["']/);
      await heir.ping("all");
      for (const old of ["of-the-old-romeo", "old-notes"]) assert.ok(!heir.text.includes(old), heir.text);
      heir.drop();
    });

    it("deletes an account as its user would: contacts are told, and pushed what became of their rosters", async () => {
      const [romeo, juliet, mercutio] = await friends(port);
      juliet.text = "";
      mercutio.text = "";
      assert.equal((await place.run(["user", "delete", "romeo@localhost"])).code, 0);
      await romeo.receives(/<stream:error><not-authorized[\s\S]*<\/stream:stream>/);
      for (const type of ["unsubscribe", "unsubscribed"])
        await juliet.receives(new RegExp(`<presence[^>]*type=["']${type}["']`));
      await juliet.receives(
        /<presence[^>]*from=["']romeo@localhost\/spec["'][^>]*type=["']unavailable["']|<presence[^>]*type=["']unavailable["'][^>]*from=["']romeo@localhost\/spec["']/,
      );
      // RFC 6121 §3.2.3, §3.3.3
      await juliet.receives(/<iq[^>]*type=["']set["'][^>]*>[\s\S]*?<item[^>]*subscription=["']none["']/);
      // The request that waited for his answer is withdrawn.
      await mercutio.receives(/<presence[^>]*type=["']unsubscribe["']/);
      for (const person of [romeo, juliet, mercutio]) person.drop();
      assert.match(await contactOf("juliet", port), /subscription=["']none["']/);
      assert.equal(await contactOf("mercutio", port), "no such contact");
    });

    it("ends a session, too, that waits to be resumed", async () => {
      await place.addUser("romeo@localhost", "secret");
      const romeo = await RawClient.online(port, { name: "romeo" });
      romeo.write("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
      const [, id] = await romeo.receives(/<enabled[^>]* id=["']([^"']+)["']/);
      romeo.drop();
      assert.equal((await place.run(["user", "delete", "romeo@localhost"])).code, 0);
      await place.addUser("romeo@localhost", "secret");
      const heir = await RawClient.open(port);
      assert.ok(await heir.logIn({ name: "romeo" }));
      heir.write(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='0'/>`);
      await heir.receives(/<failed[\s\S]*item-not-found/);
      heir.drop();
    });

    it("refuses the same things, with exit code 4", async () => {
      assert.match((await withPassword("add", "romeo@localhost", "a\u0007b")).stderr, NO_PASSWORD);
      await place.addUser("romeo@localhost", "secret");
      const again = await withPassword("add", "romeo@localhost", "secret");
      assert.deepEqual([again.code, again.stderr], [4, "The account romeo@localhost exists already.\n"]);
      const nobody = await place.run(["user", "delete", "nobody@localhost"]);
      assert.deepEqual([nobody.code, nobody.stderr], [4, "There is no account nobody@localhost.\n"]);
    });

    it("imports accounts that may log in at once", async () => {
      assert.equal(await mayLogIn("romeo", "secret", port), false);
      const file = join(place.path, "people.tsv");
      await writeFile(file, "romeo@localhost\tsecret\r\njuliet@localhost\twith spaces \r\n");
      const { code, stdout } = await place.run(["user", "import", file]);
      assert.deepEqual([code, stdout], [0, "Added 2 accounts.\n"]);
      const romeo = await RawClient.online(port, { name: "romeo" });
      romeo.drop();
      assert.equal((await place.run(["user", "list"])).stdout, "juliet@localhost\nromeo@localhost\n");
    });
  });

  describe("import", () => {
    it("adds what can be added, and tells each line that cannot, without its password", async () => {
      const file = join(place.path, "people.tsv");
      await writeFile(
        file,
        "romeo@localhost\tone\nromeo@localhost\ttwo\nthree-secrets\n\nx@nowhere.example\tfour\njuliet@localhost\tfive\n",
      );
      const { code, stdout, stderr } = await place.run(["user", "import", "people.tsv"]);
      assert.deepEqual([code, stdout], [4, "Added 2 accounts.\n"]);
      const [second, third, fifth] = stderr.split("\n");
      assert.equal(second, "people.tsv:2: The account romeo@localhost exists already.");
      assert.equal(third, "people.tsv:3: expected name@domain<TAB>password.");
      assert.match(fifth, /^people\.tsv:5: nowhere\.example is not served here/);
    });

    it("exits with 3 for a file that is not there", async () => {
      const { code, stderr } = await place.run(["user", "import", "nowhere.tsv"]);
      assert.equal(code, 3);
      assert.match(stderr, /^The file nowhere\.tsv cannot be read \(ENOENT\)/);
    });
  });

  describe("on a terminal", () => {
    before(function () {
      // Of util-linux: runs a command on a terminal of its own.
      if (spawnSync("script", ["--version"]).status !== 0) this.skip();
    });

    /** @param answers typed at each prompt in turn. @returns what the terminal showed, and the exit code. */
    async function onTerminal(
      args: string[],
      answers: string[],
    ): Promise<{ shown: string; code: number | null }> {
      const command = [process.execPath, MAIN, ...args, "--config", place.config].map((word) => `'${word}'`);
      const terminal = spawn("script", ["-qec", command.join(" "), "/dev/null"]);
      let shown = "";
      let prompts = 0;
      terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
        shown += text;
        const asked = shown.match(/(Password|The same again): /g)?.length ?? 0;
        while (prompts < asked && prompts < answers.length) terminal.stdin.write(answers[prompts++]);
      });
      const ended = new Promise<number | null>((resolve) => terminal.once("close", resolve));
      try {
        return { code: await within(ended, () => `still asking:\n${shown}`), shown };
      } finally {
        terminal.kill("SIGKILL");
      }
    }

    it("asks twice for the password and does not show it", async () => {
      const { shown, code } = await onTerminal(["user", "add", "romeo@localhost"], ["geheim\r", "geheim\r"]);
      assert.equal(code, 0, shown);
      assert.ok(!shown.includes("geheim"), shown);
      assert.deepEqual(
        shown.split(/\r?\n/).map((line) => line.trim()),
        ["Password:", "The same again:", "Added romeo@localhost.", ""],
      );
      const port = await (await place.start()).port();
      assert.equal(await mayLogIn("romeo", "geheim", port), true);
    });

    const refused: [string, string[], string][] = [
      ["differ", ["geheim\r", "gehiem\r"], "The two were not the same; nothing was changed."],
      ["are empty", ["\r"], "The password is empty; nothing was changed."],
      ["are called off with Ctrl-C", ["geh\u0003"], "No password was given; nothing was changed."],
      ["are called off with Ctrl-D", ["\u0004"], "No password was given; nothing was changed."],
    ];
    for (const [what, answers, sentence] of refused) {
      it(`changes nothing when they ${what}`, async () => {
        const { shown, code } = await onTerminal(["user", "add", "romeo@localhost"], answers);
        assert.equal(code, 4, shown);
        assert.ok(shown.includes(sentence), shown);
        assert.equal((await place.run(["user", "list"])).stdout, "");
      });
    }
  });

  it("does not put the password where `ps` would show it", async function () {
    const command = new SluiceProcess(["user", "add", "romeo@localhost", "--config", place.config]);
    try {
      let seen: string;
      try {
        seen = readFileSync(`/proc/${command.pid}/cmdline`, "utf8");
      } catch {
        // No Linux.
        return this.skip();
      }
      command.give("geheim\n");
      assert.equal(await command.ended(), 0);
      assert.ok(seen.includes("romeo@localhost") && !seen.includes("geheim"));
    } finally {
      await command.kill();
    }
  });
});
