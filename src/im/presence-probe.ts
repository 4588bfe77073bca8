import { type Jid, type PluginContext, type Session, Stanza } from "../plugin/api.js";
import type { DirectedPresence } from "./presence-directed.js";
import { hasFrom } from "./roster-entry.js";
import { tell } from "./tell.js";

/** Answers probes of accounts of this domain. RFC 6121 §4.3.2, §4.6.6 */
export class Probes {
  constructor(
    private readonly ctx: PluginContext,
    private readonly directed: DirectedPresence,
  ) {}

  async answer(account: Jid, probe: Stanza): Promise<true> {
    const { from, to } = probe;
    if (!from || !to) return true;
    if (await this.#isSubscribed(account, from)) {
      const answers = to.isBare ? this.#presenceOf(account, probe) : [this.#availabilityOf(to, probe)];
      await Promise.all(answers.map((answer) => tell(this.ctx, answer.withTo(from))));
      return true;
    }
    // §4.6.6: to whom a session sent presence directly is known on its node: `answerFor` is asked there.
    const resource = to.isBare ? undefined : this.ctx.sessions.get(to);
    if (resource) this.ctx.sessions.send(resource, probe);
    else await tell(this.ctx, refusal(account, from, probe));
    return true;
  }

  /** A probe by somebody who is not subscribed came to a session of this node. */
  answerFor(session: Session, probe: Stanza): Promise<void> {
    const from = probe.from as Jid;
    const answer = this.directed.has(session, from)
      ? Stanza.make("presence", { from: session.jid, to: from })
      : refusal(session.account.jid, from, probe);
    return tell(this.ctx, answer);
  }

  /** A client probes somebody whose answer to its request is outstanding: what came back would be taken for a refusal (§A.3.4). */
  async isPremature(session: Session, contact: Jid): Promise<boolean> {
    if (session.anonymous) return false;
    const entry = await this.ctx.storage.rosters.get(session.account, contact.bare);
    return entry?.ask ?? false;
  }

  async #isSubscribed(jid: Jid, prober: Jid): Promise<boolean> {
    if (prober.sameBare(jid)) return true;
    const account = await this.ctx.account(jid);
    return account !== undefined && hasFrom(await this.ctx.storage.rosters.get(account, prober.bare));
  }

  /** §4.3.2 rules 3 and 4; §4.3.2.1: an available presence keeps its own id. */
  #presenceOf(account: Jid, probe: Stanza): Stanza[] {
    const shown = this.ctx.sessions.of(account).flatMap(({ presence }) => presence ?? []);
    if (shown.length > 0) return shown;
    return [Stanza.make("presence", { from: account, type: "unavailable", id: probe.id })];
  }

  /** §4.3.2, last paragraph: of one resource, and only whether it is available. */
  #availabilityOf(full: Jid, probe: Stanza): Stanza {
    const presence = this.ctx.sessions.get(full)?.presence;
    if (presence) return Stanza.make("presence", { from: full, id: presence.id });
    return Stanza.make("presence", { from: full, type: "unavailable", id: probe.id });
  }
}

/** §4.3.2 rule 1, the same for an account that does not exist and for one that refuses. It ends a subscription that the prober believes to have. */
function refusal(account: Jid, prober: Jid, probe: Stanza): Stanza {
  return Stanza.make("presence", { from: account, to: prober.bare, type: "unsubscribed", id: probe.id });
}
