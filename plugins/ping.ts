/** XMPP Ping: XEP-0199. */
import { definePlugin, type IqHandler, StanzaError } from "../src/plugin/api.js";

const NS_PING = "urn:xmpp:ping";

export default definePlugin({
  name: "ping",
  about: "Answers pings.",
  setup(ctx) {
    ctx.feature(NS_PING);
    ctx.feature(NS_PING, "account");
    const ping = { type: "get", ns: NS_PING, name: "ping" } as const;
    ctx.iq({ ...ping, to: "server" }, () => undefined);
    ctx.iq({ ...ping, to: "account" }, pong);
  },
});

/**
 * XEP-0199 §4.2: a client may ping its own bare JID. To everybody else an account answers as one that does not exist
 * (RFC 6121 §8.5.1), so that nobody finds out by pinging which accounts there are.
 */
const pong: IqHandler = (iq) => {
  if (!iq.from.sameBare(iq.to)) throw new StanzaError("service-unavailable");
  return undefined;
};
