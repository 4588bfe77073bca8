import { readdirSync, readFileSync } from "node:fs";
import { openTransport, type TransportName, transports } from "../src/script/open.js";
import { parseScript } from "../src/script/parser.js";
import { playScript } from "../src/script/runner.js";
import type { Script } from "../src/script/script.js";
import type { ScriptTarget } from "../src/script/target.js";
import { type Overrides, startTestServer, type TestServer } from "./support/server.js";

const folder = new URL("../../spec/scripts/", import.meta.url);
/** One of them, or all when it is not set. */
const { SLUICE_SCRIPT_TRANSPORT: only } = process.env;

function targetOf(server: TestServer, transport: TransportName): ScriptTarget {
  return {
    domain: server.domain,
    createAccount: (jid, password) => server.createAccount(jid, password),
    open: (client) => openTransport(client.transport ?? transport, server),
  };
}

/** A script with a `[Server]` section gets a server of its own. */
async function playOnItsOwn(script: Script, transport: TransportName): Promise<void> {
  const server = await startTestServer(script.server as Overrides);
  try {
    await playScript(script, targetOf(server, transport));
  } finally {
    await server.stop();
  }
}

/** What a script's first client asks for decides for the script: it is about that transport. */
function ownTransport(script: Script): string | undefined {
  return script.clients[0].transport;
}

const scripts = readdirSync(folder)
  .filter((file) => file.endsWith(".scs"))
  .sort()
  .map((file) => parseScript(readFileSync(new URL(file, folder), "utf8"), `spec/scripts/${file}`));

for (const transport of transports) {
  if (only !== undefined && only !== transport) continue;
  describe(`Scripted conversations (spec/scripts) over ${transport}`, () => {
    let shared: TestServer;
    before(async () => {
      shared = await startTestServer();
    });
    after(() => shared.stop());

    for (const script of scripts) {
      const title = `${script.file.slice("spec/scripts/".length)}: ${script.title.split("\n")[0]}`;
      const own = ownTransport(script);
      if (own !== undefined && own !== transport) {
        it.skip(`${title} (is about ${own} alone)`);
        continue;
      }
      it(title, async () => {
        if (script.server === undefined) await playScript(script, targetOf(shared, transport));
        else await playOnItsOwn(script, transport);
      });
    }
  });
}
