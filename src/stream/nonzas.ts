import type { ClientStream } from "./client-stream.js";
import type { Feature } from "./negotiation.js";

/** What plugins take of a bound stream besides stanzas. They announce it themselves: hook `stream:features`. */
export const nonzas: Feature<ClientStream> = {
  name: "nonzas of plugins",
  offer: () => undefined,
  accepts: (element, { session, settings }) =>
    session !== undefined && settings.domain.nonzas.find(element) !== undefined,
  negotiate(element, { session, settings }) {
    const done = session && settings.domain.nonzas.find(element)?.(session, element);
    return done instanceof Promise ? done : undefined;
  },
};
