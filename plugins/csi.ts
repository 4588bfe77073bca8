/** Client State Indication: XEP-0352. */
import { definePlugin, xml } from "../src/plugin/api.js";
import { type CsiOptions, csiOptions } from "./csi/options.js";
import { Patience } from "./csi/patience.js";

const NS_CSI = "urn:xmpp:csi:0";

export default definePlugin<CsiOptions>({
  name: "csi",
  about: "Leaves clients in peace that nobody looks at.",
  options: csiOptions,
  setup(ctx, chosen) {
    // §4.1: once the client has authenticated.
    ctx.hook("stream:features", ({ stream, offer }) => {
      if (stream.authenticated) offer.append(xml("csi", { xmlns: NS_CSI }));
    });
    ctx.nonza({ ns: NS_CSI, name: "inactive" }, (session) => {
      if (!session.valve) session.setValve(new Patience(session, chosen));
    });
    ctx.nonza({ ns: NS_CSI, name: "active" }, (session) => session.setValve(undefined));
  },
});
