import { PYTHON, slixmpp } from "./clients/drivers.js";
import { need, run } from "./support/need.js";
import { story } from "./support/story.js";

describe("interop: slixmpp", function () {
  this.timeout(60_000);

  before("slixmpp is there", async function () {
    need(this, "slixmpp", await missingSlixmpp());
  });

  // COMPAT: slixmpp before 1.8.5 knows one channel binding, tls-unique, and uses it with TLS 1.3 too, where it does not
  // exist (RFC 9266 §3); without it, it claims that the server offers none, which must fail where one is offered (RFC 5802
  // §6). An admin who has such clients switches channel binding off.
  story(slixmpp, ["auth.channelBindings=[]"]);
});

async function missingSlixmpp(): Promise<string[]> {
  try {
    await run(PYTHON, ["-c", "import slixmpp"]);
    return [];
  } catch (error) {
    return [`python3-slixmpp (${String(error).trim().split("\n").at(-1)})`];
  }
}
