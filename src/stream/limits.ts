import { xml } from "../xml/element.js";
import type { ClientStream } from "./client-stream.js";
import type { Feature } from "./negotiation.js";

/** XEP-0478: what a client may send, before and after it has logged in. */
export const limits: Feature<ClientStream> = {
  name: "limits",
  offer({ settings, account, transport }) {
    const { maxBytes } = account ? settings.limits : settings.unauthenticatedLimits;
    // BOSH has its own rule for clients that are silent: XEP-0124 §10.
    const idleTimeout = transport === "bosh" ? 0 : settings.idleTimeout;
    const idle = idleTimeout > 0 ? xml("idle-seconds", null, String(idleTimeout / 1000)) : undefined;
    return xml(
      "limits",
      { xmlns: "urn:xmpp:stream-limits:0" },
      xml("max-bytes", null, String(maxBytes)),
      idle,
    );
  },
};
