import { readdirSync, readFileSync } from "node:fs";
import { parseScript } from "../src/script/parser.js";
import { playScript } from "../src/script/runner.js";
import type { Script } from "../src/script/script.js";
import type { ScriptTarget } from "../src/script/target.js";
import { openTcp } from "../src/script/tcp.js";
import { type Overrides, startTestServer, type TestServer } from "./support/server.js";

const folder = new URL("../../spec/scripts/", import.meta.url);

function targetOf(server: TestServer): ScriptTarget {
  return {
    domain: server.domain,
    createAccount: (jid, password) => server.createAccount(jid, password),
    open: () => openTcp(server.port),
  };
}

/** A script with a `[Server]` section gets a server of its own. */
async function playOnItsOwn(script: Script): Promise<void> {
  const server = await startTestServer(script.server as Overrides);
  try {
    await playScript(script, targetOf(server));
  } finally {
    await server.stop();
  }
}

describe("Scripted conversations (spec/scripts)", () => {
  let shared: TestServer;
  before(async () => {
    shared = await startTestServer();
  });
  after(() => shared.stop());

  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith(".scs")) continue;
    const script = parseScript(readFileSync(new URL(file, folder), "utf8"), `spec/scripts/${file}`);
    it(`${file}: ${script.title.split("\n")[0]}`, async () => {
      if (script.server === undefined) await playScript(script, targetOf(shared));
      else await playOnItsOwn(script);
    });
  }
});
