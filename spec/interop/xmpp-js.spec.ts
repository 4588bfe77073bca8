import { xmppJs } from "./clients/drivers.js";
import { story } from "./support/story.js";

describe("interop: @xmpp/client", function () {
  this.timeout(60_000);
  story(xmppJs);
});
