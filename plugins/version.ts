/** Software Version: XEP-0092. */
import { type as osType, release } from "node:os";
import { definePlugin, version, xml, z } from "../src/plugin/api.js";

const NS_VERSION = "jabber:iq:version";

const options = z.strictObject({
  showOs: z
    .boolean()
    .prefault(false)
    .describe("Tells the operating system too, which may help somebody to attack it."),
});

export default definePlugin<z.output<typeof options>>({
  name: "version",
  about: "Tells the name and version of the server.",
  options,
  setup(ctx, { showOs }) {
    ctx.feature(NS_VERSION);
    // XEP-0092 §5: an administrator can keep the operating system to himself.
    const os = showOs ? `${osType()} ${release()}` : undefined;
    ctx.iq({ type: "get", to: "server", ns: NS_VERSION, name: "query" }, () =>
      xml(
        "query",
        { xmlns: NS_VERSION },
        xml("name", {}, "Sluice"),
        xml("version", {}, version),
        os === undefined ? undefined : xml("os", {}, os),
      ),
    );
  },
});
