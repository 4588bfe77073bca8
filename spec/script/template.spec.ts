import assert from "node:assert/strict";
import { StepError } from "../../src/script/failure.js";
import { parseScript } from "../../src/script/parser.js";
import { Template } from "../../src/script/template.js";

const script = `[Client] Romeo
	jid: romeo@localhost
	password: o

[Client] Juliet's phone
	jid: juliet@localhost/phone

[Client] Admin
	jid: admin@localhost
	account: fixed
-----
`;

/** A placeholder as scripts write it. */
const the = (words: string) => `\${${words}}`;

function template(domain = "localhost"): Template {
  return new Template(parseScript(script, "a.scs").clients, "-k3x", domain);
}

describe("The addresses and placeholders of a script", () => {
  it("gives its clients addresses of their own", () => {
    assert.equal(template().person("Romeo").jid, "romeo-k3x@localhost");
    assert.equal(template().fill("to='romeo@localhost/orchard'"), "to='romeo-k3x@localhost/orchard'");
  });

  it("keeps the case in which an address is written", () => {
    assert.equal(template().fill("RoMeo@LOCALHOST"), "RoMeo-k3x@LOCALHOST");
  });

  it("leaves alone what only looks like one of them", () => {
    for (const text of [
      "gromeo@localhost",
      "romeo@localhost.example",
      "big.romeo@localhost",
      "nurse@localhost",
    ]) {
      assert.equal(template().fill(text), text);
    }
  });

  it("leaves fixed accounts alone", () => {
    assert.equal(template().fill("admin@localhost"), "admin@localhost");
  });

  it("makes rooms of the script's own", () => {
    assert.equal(template().fill("room@conference.localhost/nick"), "room-k3x@conference.localhost/nick");
    assert.equal(
      template().fill("<x jid='a@b.localhost'>c@b.localhost</x>"),
      "<x jid='a-k3x@b.localhost'>c-k3x@b.localhost</x>",
    );
  });

  it("speaks of the server by the name it has", () => {
    const filled = template("im.example").fill(
      "localhost room@conference.localhost romeo@localhost mylocalhost",
    );
    assert.equal(filled, "im.example room-k3x@conference.im.example romeo-k3x@im.example mylocalhost");
  });

  it("knows what there is to know of a client", () => {
    const words = [
      "Romeo's JID",
      "Romeo's username",
      "Romeo's password",
      "Juliet's phone's full JID",
      "Juliet's phone's resource",
    ];
    assert.equal(
      template().fill(words.map(the).join(" ")),
      "romeo-k3x@localhost romeo-k3x o juliet-k3x@localhost/phone phone",
    );
  });

  it("does not know an address before it is bound", () => {
    const { person, fill } = {
      person: template().person("Romeo"),
      fill: () => template().fill(the("Romeo's full JID")),
    };
    assert.equal(person.fullJid, undefined);
    assert.throws(fill, StepError);
  });

  it("fills what is inside of what before that", () => {
    assert.equal(
      template().fill(the(`base64 \\0${the("Romeo's username")}\\0secret`)),
      Buffer.from("\0romeo-k3x\0secret").toString("base64"),
    );
    assert.equal(template().fill(`[${the("repeat 3 ab")}]`), "[ababab]");
  });

  it("gives back what was captured, quoted for the place where it stands", () => {
    const filled = template();
    filled.captures.set("ver", "<1>");
    assert.equal(
      filled.fill(the("ver"), (value) => value.replace("<", "&lt;")),
      "&lt;1>",
    );
    assert.throws(() => filled.fill(the("never")), StepError);
  });
});
