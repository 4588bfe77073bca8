import { definePlugin, StanzaError } from "../plugin/api.js";

const NS_SESSION = "urn:ietf:params:xml:ns:xmpp-session";
const NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind";

/** What a client may still ask of its stream once a resource is bound. */
export const session = definePlugin({
  name: "session",
  about: "Answers clients that want a session established, as RFC 3921 had it.",
  setup(ctx) {
    // COMPAT: RFC 3921 §3; RFC 6121 dropped it, and the stream offers it as optional.
    for (const to of ["account", "server"] as const) {
      ctx.iq({ type: "set", to, ns: NS_SESSION, name: "session" }, () => undefined);
    }
    // RFC 6120 §7.1: one resource for each stream.
    ctx.iq({ type: "set", to: "account", ns: NS_BIND, name: "bind" }, () => {
      throw new StanzaError("not-allowed");
    });
  },
});
