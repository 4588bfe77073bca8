import { strict as assert } from "node:assert";
import { parseScript } from "../../src/script/parser.js";
import { playScript } from "../../src/script/runner.js";
import { openTcp } from "../../src/script/tcp.js";
import { startTestServer, type TestServer } from "../support/server.js";

const SCRIPT = `# A message that a hook cannot judge waits; the others pass
[Client] Romeo
	jid: romeo@localhost
	password: password
[Client] Juliet
	jid: juliet@localhost
	password: password

-----

Romeo connects

Juliet connects

Juliet sends:
	<presence/>

Juliet receives:
	<presence from="\${Juliet's full JID}"/>

Romeo sends:
	<message to="\${Juliet's JID}" type='chat' id='poison'><body>poison</body></message>
	<message to="\${Juliet's JID}" type='chat' id='2'><body>two</body></message>

Juliet receives:
	<message from="\${Romeo's full JID}" type='chat' id='2'><body>two</body></message>

Juliet receives nothing
`;

describe("A hook that throws at the last word", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({ log: { level: "silent" } });
  });
  after(() => server.stop());

  it("stops that message alone, once, and it is kept", async () => {
    let asked = 0;
    const domain = server.server.domains.get("localhost");
    assert(domain);
    domain.hooks.on("stanza:sending", "judge", ({ stanza }) => {
      if (stanza.id !== "poison") return;
      asked += 1;
      throw new Error("cannot judge this");
    });
    await playScript(parseScript(SCRIPT, "refused.scs"), {
      domain: "localhost",
      createAccount: (jid, password) => server.createAccount(jid, password),
      open: () => openTcp(server.port),
    });
    // Live once, and perhaps once more from the store: never again and again.
    assert(asked >= 1 && asked <= 2, `asked ${asked} times`);
  });
});
