import { Hooks } from "../hooks.js";
import type { DiscoIdentity } from "../plugin/api.js";
import type { Element } from "../xml/element.js";
import type { Jid } from "../xmpp/jid.js";
import { IqRoutes } from "./iq.js";
import { Nonzas } from "./nonzas.js";
import { Tally } from "./tally.js";

/** One domain that this server serves: who hooks there, what it answers and announces. */
export class Domain {
  readonly hooks = new Hooks();
  readonly iqs = new IqRoutes();
  readonly nonzas = new Nonzas();
  readonly features = { server: new Tally<string>(), account: new Tally<string>() };
  readonly identities = { server: new Tally<DiscoIdentity>(), account: new Tally<DiscoIdentity>() };
  readonly forms = { server: new Tally<Element>(), account: new Tally<Element>() };
  readonly items = new Tally<{ jid: Jid; name?: string }>();

  constructor(readonly jid: Jid) {}

  get name(): string {
    return this.jid.domain;
  }
}
