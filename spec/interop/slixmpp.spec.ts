import assert from "node:assert/strict";
import { PYTHON, slixmpp } from "./clients/drivers.js";
import { type RunningServer, startServer } from "./server.js";
import { fetchTrusting } from "./support/certificate.js";
import { DrivenClient } from "./support/driven-client.js";
import { need, run } from "./support/need.js";
import { resumption } from "./support/resumption.js";
import { loginFor, story, USERS } from "./support/story.js";

describe("interop: slixmpp", function () {
  this.timeout(60_000);

  before("slixmpp is there", async function () {
    need(this, "slixmpp", await missingSlixmpp());
  });

  // slixmpp 1.8 tries each -PLUS mechanism with a binding that TLS 1.3 does not have, before it comes to one that works:
  // it has to get there within the attempts that a connection has.
  story(slixmpp);
});

describe("interop: slixmpp over a connection that breaks", function () {
  this.timeout(60_000);

  before("slixmpp is there", async function () {
    need(this, "slixmpp", await missingSlixmpp());
  });

  // COMPAT: slixmpp 1.8 empties its queue of unacknowledged stanzas as it sends <resume/>, so what it said itself is gone.
  resumption(slixmpp, { resends: false });
});

describe("interop: slixmpp that sends a file", function () {
  this.timeout(60_000);
  let server: RunningServer;
  let juliet: DrivenClient;

  before("slixmpp is there, and logged in", async function () {
    need(this, "slixmpp", [...(await missingSlixmpp()), ...(await missingModule("aiohttp"))]);
    server = await startServer({ users: USERS });
    juliet = await DrivenClient.login(slixmpp, loginFor(server, "juliet", "starttls"));
  });

  after("no process or file is left", async () => {
    await juliet?.stop();
    await server?.stop();
  });

  it("uploads it over HTTPS, trusting the server's certificate", async () => {
    juliet.send({ do: "upload", name: "thé letter.txt", text: "Ädieu, adieu" });
    const { address } = await juliet.sees("uploaded");
    assert.match(address, /^https:.*\/th%C3%A9%20letter.txt$/);
    assert.equal(await fetchTrusting(server.certificate, address), "Ädieu, adieu");
  });
});

const missingSlixmpp = () => missingModule("slixmpp");

/** The Debian package of a Python module that is not there. */
async function missingModule(name: string): Promise<string[]> {
  try {
    await run(PYTHON, ["-c", `import ${name}`]);
    return [];
  } catch (error) {
    return [`python3-${name} (${String(error).trim().split("\n").at(-1)})`];
  }
}
