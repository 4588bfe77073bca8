import { Hooks } from "../hooks.js";
import type { DiscoIdentity } from "../plugin/api.js";
import type { Element } from "../xml/element.js";
import type { Jid } from "../xmpp/jid.js";
import { IqRoutes } from "./iq.js";
import { Nonzas } from "./nonzas.js";

type Side = "server" | "account";

/** One domain that this server serves: who hooks there, what it answers and announces. */
export class Domain {
  readonly hooks = new Hooks();
  readonly iqs = new IqRoutes();
  readonly nonzas = new Nonzas();
  readonly features = { server: new Set<string>(), account: new Set<string>() };
  readonly identities: Record<Side, Set<DiscoIdentity>> = { server: new Set(), account: new Set() };
  readonly forms = { server: new Set<Element>(), account: new Set<Element>() };
  readonly items = new Set<{ jid: Jid; name?: string }>();

  constructor(readonly jid: Jid) {}

  get name(): string {
    return this.jid.domain;
  }
}
