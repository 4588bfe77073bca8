/** Last Activity: XEP-0012. */
import {
  definePlugin,
  type Element,
  firstChild,
  type Jid,
  type KeyValueStore,
  maySeePresence,
  type PluginContext,
  type Resource,
  type Session,
  Stanza,
  StanzaError,
  xml,
} from "../src/plugin/api.js";
import { Life } from "./last/life.js";

const NS_LAST = "jabber:iq:last";
const NS_DELAY = "urn:xmpp:delay";
const KEY = "last";
/** Characters of the last status that are kept. */
const STATUS_MAX = 1024;

/** When an account's last available resource went, ms since 1970; before that was seen, when its first one came. */
interface Activity {
  at: number;
  status?: string;
  /** The run of the server in which the account came. Left out once it went. */
  life?: string;
}

export default definePlugin({
  name: "last",
  about: "Tells how long the server has been running and an account has been away.",
  setup(ctx) {
    const last = new LastActivity(ctx);
    const query = { type: "get", ns: NS_LAST, name: "query" } as const;
    ctx.feature(NS_LAST);
    ctx.feature(NS_LAST, "account");
    // XEP-0012 §5
    ctx.iq({ ...query, to: "server" }, () => answer(Math.floor(process.uptime())));
    ctx.iq({ ...query, to: "account", missing: true }, (iq) => last.of(iq.to, iq.from));
    ctx.hook("stanza:deliver", ({ stanza }) => last.guard(stanza));
    ctx.hook("stanza:deliver", ({ account, stanza }) => {
      if (stanza.kind === "presence" && stanza.type === "probe" && stanza.to?.isBare) {
        return last.since(account, stanza);
      }
    });
    ctx.hook("stanza:received", ({ session, stanza }) => {
      if (stanza.kind === "presence" && stanza.type === "unavailable" && !stanza.to) {
        return last.left(session.resource, stanza);
      }
      if (stanza.kind === "presence" && stanza.type === undefined && !stanza.to) last.came(session);
    });
    ctx.hook("session:unbound", ({ session }) => last.left(session.resource));
    ctx.hook("session:lost", ({ resource }) => last.left(resource));
    ctx.onStop(() => last.stop());
  },
});

class LastActivity {
  readonly #store: KeyValueStore<Activity>;
  readonly #life: Life;

  constructor(private readonly ctx: PluginContext) {
    this.#store = ctx.store<Activity>("activity");
    this.#life = new Life(ctx.store<number>("lives"), (error) =>
      ctx.log.warn({ err: error }, "a sign of life could not be stored"),
    );
  }

  stop(): Promise<void> {
    return this.#life.end();
  }

  /** @throws StanzaError `forbidden`, `item-not-found` for an account that was never online */
  async of(account: Jid, asker: Jid): Promise<Element> {
    await this.#authorize(account, asker);
    // §3: at least one connected or available resource. A resource that shows no presence is its owner's secret.
    const own = asker.sameBare(account);
    if (this.ctx.sessions.of(account).some(({ presence }) => own || presence)) return answer(0);
    const activity = await this.#activityOf(account);
    if (!activity) throw new StanzaError("item-not-found");
    return answer(secondsSince(activity.at), activity.status);
  }

  /**
   * Answers a probe of an account that is away with the time since when (RFC 6121 §4.3.2, XEP-0203).
   * @returns whether there was such an answer; otherwise it is for others to give.
   */
  async since(account: Jid, { from, id }: Stanza): Promise<boolean> {
    const isThere = () => this.ctx.sessions.of(account).some(({ presence }) => presence);
    if (!from || isThere() || !(await maySeePresence(this.ctx, account, from))) return false;
    const activity = await this.#activityOf(account);
    // It may have come meanwhile, and then it has told so itself.
    if (!activity || isThere()) return false;
    const stamp = new Date(activity.at).toISOString();
    const delay = xml("delay", { xmlns: NS_DELAY, from: this.ctx.domain, stamp });
    try {
      await this.ctx.route(
        Stanza.make("presence", { from: account, to: from, type: "unavailable", id }, delay),
      );
    } catch (error) {
      // Nobody waits for it: the prober cannot be reached.
      this.ctx.log.debug({ err: error, to: from.text }, "a presence was not routed");
    }
    return true;
  }

  /** §4: nor does a resource hear the question of somebody who may not ask. */
  guard(stanza: Stanza): Promise<void> | undefined {
    const { from, to, kind, type } = stanza;
    if (kind !== "iq" || type !== "get" || !from || !to || to.isBare) return undefined;
    return firstChild(stanza)?.is("query", NS_LAST) ? this.#authorize(to.bare, from) : undefined;
  }

  /**
   * An account's first resource becomes available: noted, as a server that is killed cannot say when it went. Not waited
   * for; what is noted of its going comes after.
   */
  came({ account, jid, resource }: Session): void {
    if (resource.presence || this.ctx.sessions.of(jid).some(({ presence }) => presence)) return;
    this.#life.begin();
    void this.#note(account.jid, { at: Date.now(), life: this.#life.name });
  }

  /** A session became unavailable or ended; if it was the last that was available, the account is away from now on. */
  async left({ jid, presence }: Resource, last?: Stanza): Promise<void> {
    const others = this.ctx.sessions.of(jid).some((other) => other.presence && !other.jid.equals(jid));
    if (!presence || others) return;
    await this.#note(jid.bare, { at: Date.now(), status: statusOf(last) });
  }

  async #note(account: Jid, activity: Activity): Promise<void> {
    try {
      await this.ctx.inTurn(`last ${account}`, async () => {
        // None for an anonymous session, or for an account that has just been removed.
        const stored = await this.ctx.account(account);
        if (stored) await this.#store.set(stored, KEY, activity);
      });
    } catch (error) {
      // Nobody is to stay online because of it.
      this.ctx.log.warn({ err: error, account: account.text }, "the last activity could not be stored");
    }
  }

  /** Of an account that is away. */
  async #activityOf(account: Jid): Promise<Activity | undefined> {
    const stored = await this.ctx.account(account);
    const activity = stored && (await this.#store.get(stored, KEY));
    if (activity?.life === undefined) return activity;
    // Nobody saw it go: it was there as long as the server.
    const sign = await this.#life.lastSign(activity.life);
    return { at: Math.max(activity.at, sign ?? 0) };
  }

  async #authorize(account: Jid, asker: Jid): Promise<void> {
    if (!(await maySeePresence(this.ctx, account, asker))) throw new StanzaError("forbidden");
  }
}

/** Whole seconds; none where the clock was set back. @param at ms since 1970 */
export function secondsSince(at: number, now = Date.now()): number {
  return Math.max(0, Math.floor((now - at) / 1000));
}

function statusOf(presence: Stanza | undefined): string | undefined {
  const status = presence?.getChildText("status");
  // By code points, so that no character is cut in two.
  return status ? Array.from(status).slice(0, STATUS_MAX).join("") : undefined;
}

function answer(seconds: number, status?: string): Element {
  return xml("query", { xmlns: NS_LAST, seconds }, status);
}
