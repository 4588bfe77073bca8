import assert from "node:assert/strict";
import { ScriptFailure } from "../../src/script/failure.js";
import { type RunOptions, runScript } from "../../src/script/runner.js";
import type { ScriptTarget } from "../../src/script/target.js";
import { openTcp } from "../../src/script/tcp.js";
import { startTestServer, type TestServer } from "../support/server.js";

const clients = `[Client] Romeo
	jid: romeo@localhost

[Client] Juliet
	jid: juliet@localhost

-----

`;
/** The line of the first action. */
const FIRST = 9;

describe("Running a script", () => {
  let server: TestServer;
  let target: ScriptTarget;
  before(async () => {
    server = await startTestServer();
    target = {
      domain: server.domain,
      createAccount: (jid, password) => server.createAccount(jid, password),
      open: () => openTcp(server.port),
    };
  });
  after(() => server.stop());

  const run = (actions: string, options?: RunOptions) =>
    runScript(clients + actions, "a.scs", target, options);

  async function failure(actions: string, options?: RunOptions): Promise<ScriptFailure> {
    const outcome = await run(actions, options).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(outcome instanceof ScriptFailure, `a ScriptFailure, not ${String(outcome)}`);
    return outcome;
  }

  it("has several scripts of the same names side by side", async () => {
    const script = `Romeo comes online
Juliet comes online
Romeo sends:
	<message to="\${Juliet's JID}" type='chat'><body>hi</body></message>
Juliet receives:
	<message from="\${Romeo's full JID}" type='chat'><body>hi</body></message>
Juliet receives nothing
`;
    await Promise.all([run(script), run(script), run(script)]);
  });

  it("says where and how a stanza differs", async () => {
    const failed = await failure(`Romeo comes online
Romeo sends:
	<message to="\${Romeo's full JID}"><body>one</body></message>
Romeo receives:
	<message><body>two</body></message>
`);
    assert.equal(failed.line, FIRST + 3);
    assert.match(failed.message, /^a\.scs:12: Romeo receives: the text of <body> is "one", not "two"/);
    assert.match(failed.message, /^ {2}- {3}<body>two<\/body>$/m);
    assert.match(failed.message, /^ {2}\+ {3}<body>one<\/body>$/m);
  });

  it("fails when something comes where nothing should", async () => {
    const failed = await failure(`Romeo connects
Juliet comes online
Romeo sends:
	<message to="\${Juliet's JID}"/>
	<message to="\${Juliet's JID}"><body>hi</body></message>
Juliet receives nothing
`);
    assert.equal(failed.line, FIRST + 5);
  });

  it("fails when nothing comes where something should", async () => {
    const failed = await failure(
      `Romeo connects
Romeo receives:
	<presence/>
`,
      { deadline: 20 },
    );
    assert.equal(failed.line, FIRST + 1);
    assert.match(failed.message, /nothing came within 20 ms/);
  });

  it("fails when a stanza comes before the one that is expected, unless it is lenient", async () => {
    const script = `Romeo comes online
Juliet comes online
Romeo sends:
	<message to="\${Juliet's JID}" id='1'><body>hi</body></message>
	<message to="\${Juliet's JID}" id='2'><body>hi</body></message>
Juliet receives:
	<message id='2'/>
`;
    assert.equal((await failure(script)).line, FIRST + 5);
    await run(script, { lenient: true });
  });

  it("knows when a stanza of several in any order is missing", async () => {
    const script = (second: string) => `Romeo comes online
Romeo sends:
	<message to="\${Romeo's full JID}" id='1'/>
	<message to="\${Romeo's full JID}" id='2'/>
Romeo receives in any order:
	<message id='2'/>
	<message id='${second}'/>
`;
    await run(script("1"));
    assert.equal((await failure(script("3"))).line, FIRST + 4);
  });

  it("fails at another stream error than the one expected, and where there is none", async () => {
    const bad = "Romeo connects\nRomeo sends raw:\n\t<<\n";
    await run(`${bad}Romeo receives stream error: not-well-formed\nRomeo is disconnected\n`);
    assert.equal((await failure(`${bad}Romeo receives stream error: conflict\n`)).line, FIRST + 3);
    const none = await failure("Romeo connects\nRomeo is disconnected\n", { deadline: 20 });
    assert.equal(none.line, FIRST + 1);
  });

  it("fails when a login fails, with the server's words", async () => {
    const unknown = clients.replace("romeo@localhost", "romeo@localhost\n\taccount: none");
    const failed = await runScript(`${unknown}Romeo connects\n`, "a.scs", target).catch(
      (error: Error) => error,
    );
    assert.match(String(failed), /a\.scs:10: Romeo connects[\s\S]*not-authorized/);
  });

  it("names the line when the script's own XML is wrong", async () => {
    assert.equal((await failure("Romeo connects\nRomeo sends:\n\t<message>\n")).line, FIRST + 1);
  });
});
