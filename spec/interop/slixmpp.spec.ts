import { PYTHON, slixmpp } from "./clients/drivers.js";
import { need, run } from "./support/need.js";
import { story } from "./support/story.js";

describe("interop: slixmpp", function () {
  this.timeout(60_000);

  before("slixmpp is there", async function () {
    need(this, "slixmpp", await missingSlixmpp());
  });

  story(slixmpp);
});

async function missingSlixmpp(): Promise<string[]> {
  try {
    await run(PYTHON, ["-c", "import slixmpp"]);
    return [];
  } catch (error) {
    return [`python3-slixmpp (${String(error).split("\n").at(-2)})`];
  }
}
