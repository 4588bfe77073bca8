/** What every domain has: RFC 6121, written as plugins. */
import type { Plugin } from "../plugin/api.js";
import { presence } from "./presence.js";
import { roster } from "./roster.js";
import { session } from "./session.js";
import { subscriptions } from "./subscription.js";

/** In the order they are set up. */
export const builtIn: readonly Plugin[] = [session, roster, subscriptions, presence];
