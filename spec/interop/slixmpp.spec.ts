import { PYTHON, slixmpp } from "./clients/drivers.js";
import { need, run } from "./support/need.js";
import { resumption } from "./support/resumption.js";
import { story } from "./support/story.js";

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

async function missingSlixmpp(): Promise<string[]> {
  try {
    await run(PYTHON, ["-c", "import slixmpp"]);
    return [];
  } catch (error) {
    return [`python3-slixmpp (${String(error).trim().split("\n").at(-1)})`];
  }
}
