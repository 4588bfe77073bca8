import assert from "node:assert/strict";
import { ScriptFailure } from "../../src/script/failure.js";
import { parseScript } from "../../src/script/parser.js";

const clients = `[Client] Juliet
	jid: juliet@localhost
	password: secret

[Client] Juliet's phone
	jid: juliet@localhost/phone
	transport: websocket

-----
`;

function lineOf(text: string): number {
  try {
    parseScript(text, "a.scs");
  } catch (error) {
    if (error instanceof ScriptFailure) return error.line;
    throw error;
  }
  throw new Error("the script was read without complaint");
}

describe("The script parser", () => {
  it("reads the comment lines at the top as the title", () => {
    const { title } = parseScript(`# Romeo sighs\n// RFC 6121 §5\n\n${clients}`, "a.scs");
    assert.equal(title, "Romeo sighs\nRFC 6121 §5");
  });

  it("reads clients with their properties, and a resource from either place", () => {
    const [juliet, phone] = parseScript(clients, "a.scs").clients;
    assert.equal(juliet.password, "secret");
    assert.equal(juliet.resource, undefined);
    assert.equal(juliet.account, "fresh");
    assert.equal(phone.resource, "phone");
    assert.equal(phone.transport, "websocket");
  });

  it("takes the longest name that begins an action", () => {
    const { steps } = parseScript(`${clients}Juliet's phone connects\nJuliet connects\n`, "a.scs");
    assert.deepEqual(
      steps.map(({ client, phrase, line }) => [client, phrase, line]),
      [
        ["Juliet's phone", "connects", 10],
        ["Juliet", "connects", 11],
      ],
    );
  });

  it("reads a block without the indentation that its lines share, over blank lines and past comments", () => {
    const { steps } = parseScript(
      `${clients}Juliet sends:\n\t<a>\n\n# not this\n\t\t<b/>\n\t</a>\n`,
      "a.scs",
    );
    assert.equal(steps[0].body, "<a>\n\n\t<b/>\n</a>");
  });

  it("reads an action with or without colon, and a block on the same line", () => {
    const { steps } = parseScript(`${clients}Juliet sends\n\t<a/>\nJuliet receives: <b/>\n`, "a.scs");
    assert.deepEqual(
      steps.map(({ body }) => body),
      ["<a/>", "<b/>"],
    );
  });

  it("knows that receiving nothing is no block", () => {
    const { steps } = parseScript(`${clients}Juliet receives: nothing\nJuliet receives nothing\n`, "a.scs");
    assert.deepEqual(
      steps.map(({ phrase }) => phrase),
      ["receives nothing", "receives nothing"],
    );
  });

  it("keeps the argument of an action as written", () => {
    const { steps } = parseScript(`${clients}Juliet befriends Juliet's phone\n`, "a.scs");
    assert.equal(steps[0].argument, "Juliet's phone");
  });

  it("takes lines that begin with --, // and # for comments, but five dashes for the separator", () => {
    const { steps } = parseScript(`${clients}-- Juliet drops\n// Juliet drops\n# Juliet drops\n`, "a.scs");
    assert.deepEqual(steps, []);
  });

  it("reads the server section as YAML", () => {
    const { server } = parseScript(`[Server]\n\toffline:\n\t  maxMessages: 2\n\n${clients}`, "a.scs");
    assert.deepEqual(server, { offline: { maxMessages: 2 } });
  });

  it("names the line of what it cannot read", () => {
    assert.equal(lineOf(`${clients}\nJuliet dances\n`), 11);
    assert.equal(lineOf(`${clients}Tybalt connects\n`), 10);
    assert.equal(lineOf(`${clients}Juliet sends:\n`), 10);
    assert.equal(lineOf(`${clients}Juliet connects\n\t<presence/>\n`), 10);
    assert.equal(lineOf(`${clients}Juliet receives stream error\n`), 10);
    assert.equal(lineOf("[Client] Juliet\n\tjid: juliet@localhost\n\tshoe: 38\n-----\n"), 3);
    assert.equal(lineOf("[Client] Juliet\n\tpassword: x\n-----\n"), 1);
    assert.equal(lineOf("# only a title\n-----\n"), 2);
    assert.equal(lineOf("[Server]\n\ta: 1\n\tb: [\n-----\n"), 3);
  });

  it("refuses two clients of one name", () => {
    assert.equal(lineOf("[Client] A\n\tjid: a@b\n[Client] A\n\tjid: a@b\n-----\n"), 3);
  });
});
