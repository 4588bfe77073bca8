import { xmppJs } from "./clients/drivers.js";
import { resumption } from "./support/resumption.js";
import { story } from "./support/story.js";

describe("interop: @xmpp/client", function () {
  this.timeout(60_000);
  story(xmppJs);
});

describe("interop: @xmpp/client over a connection that breaks", function () {
  this.timeout(60_000);
  resumption(xmppJs, { resends: true });
});
