/** Presence subscriptions: RFC 6121 §3. */
import { definePlugin, type Stanza, xml } from "../plugin/api.js";
import { type RosterOptions, rosterOptions } from "./roster-options.js";
import { inboundSubscription } from "./subscription-inbound.js";
import { outboundSubscription } from "./subscription-outbound.js";
import { type SubscriptionType, subscriptionTypes } from "./subscription-state.js";

/** After all plugins. */
const PRIORITY = -10;

const types: ReadonlySet<string | undefined> = new Set(subscriptionTypes);

export const subscriptions = definePlugin<RosterOptions>({
  name: "subscriptions",
  about: "Lets accounts ask for each other's presence, grant and withdraw it.",
  requires: ["roster"],
  options: rosterOptions,
  setup(ctx, given) {
    const options = rosterOptions.parse(given);
    ctx.hook("stream:features", ({ stream, offer }) => {
      // RFC 6121 §3.4
      if (stream.authenticated) offer.append(xml("sub", { xmlns: "urn:xmpp:features:pre-approval" }));
    });
    ctx.hook(
      "stanza:received",
      ({ session, stanza }) => {
        if (isSubscription(stanza)) return outboundSubscription(ctx, session, stanza, options);
      },
      PRIORITY,
    );
    ctx.hook(
      "stanza:deliver",
      ({ account, stanza }) => {
        if (isSubscription(stanza)) return inboundSubscription(ctx, account, stanza, options);
      },
      PRIORITY,
    );
  },
});

function isSubscription(stanza: Stanza): stanza is Stanza & { type: SubscriptionType } {
  return stanza.kind === "presence" && types.has(stanza.type);
}
