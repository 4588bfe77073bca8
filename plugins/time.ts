/** Entity Time: XEP-0202. */
import { definePlugin, xml } from "../src/plugin/api.js";

const NS_TIME = "urn:xmpp:time";

export default definePlugin({
  name: "time",
  about: "Tells the time of the server and its offset from UTC.",
  setup(ctx) {
    ctx.feature(NS_TIME);
    ctx.iq({ type: "get", to: "server", ns: NS_TIME, name: "time" }, () => {
      const now = new Date();
      return xml(
        "time",
        { xmlns: NS_TIME },
        xml("tzo", {}, formatOffset(-now.getTimezoneOffset())),
        // XEP-0082 §3.2; fractions of a second are optional there.
        xml("utc", {}, now.toISOString().replace(/\.\d+Z$/, "Z")),
      );
    });
  },
});

/**
 * Time Zone Definition of XEP-0082 §3.2: `Z` or `±hh:mm`.
 * @param offset minutes east of UTC
 */
export function formatOffset(offset: number): string {
  if (offset === 0) return "Z";
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.abs(offset);
  return `${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}
