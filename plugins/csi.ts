/** Client State Indication: XEP-0352. */
import { count, definePlugin, xml, z } from "../src/plugin/api.js";
import { Patience } from "./csi/patience.js";

const NS_CSI = "urn:xmpp:csi:0";

const options = z.strictObject({
  presence: z.boolean().prefault(true).describe("Keeps back who came and went, but for the latest of each."),
  chatStates: z.boolean().prefault(true).describe("Keeps back who is typing, but for the latest of each."),
  notifications: z
    .boolean()
    .prefault(true)
    .describe("Keeps back notifications of what others have published (XEP-0060, XEP-0163)."),
  maxHeld: count({ min: 1, max: 100_000 })
    .prefault(1000)
    .describe("Stanzas kept back for one client; one more, and it gets them all."),
});

export default definePlugin<z.output<typeof options>>({
  name: "csi",
  about: "Leaves clients in peace that nobody looks at.",
  options,
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
