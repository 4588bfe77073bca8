/** Rosters: RFC 6121 §2. */
import {
  type Account,
  definePlugin,
  type Element,
  type IqHandler,
  type PluginContext,
  type RosterEntry,
  type Session,
  StanzaError,
  xml,
} from "../plugin/api.js";
import { partFrom, partFromAll } from "./part.js";
import { inRosterTurn } from "./roster-change.js";
import { itemElement, NS_ROSTER, newEntry } from "./roster-entry.js";
import { parseRosterSet, type RosterItem } from "./roster-item.js";
import { type RosterOptions, requireRoom, rosterOptions } from "./roster-options.js";
import { pushRoster } from "./roster-push.js";

type Iq = Parameters<IqHandler>[0];

export const roster = definePlugin<RosterOptions>({
  name: "roster",
  about: "Keeps each account's contacts and tells its clients of every change.",
  options: rosterOptions,
  setup(ctx, given) {
    const options = rosterOptions.parse(given);
    ctx.hook("stream:features", ({ stream, offer }) => {
      // RFC 6121 §2.6.1
      if (stream.authenticated) offer.append(xml("ver", { xmlns: "urn:xmpp:features:rosterver" }));
    });
    const query = { to: "account", ns: NS_ROSTER, name: "query" } as const;
    ctx.iq({ ...query, type: "get" }, (iq, payload) => get(ctx, sessionOf(ctx, iq), payload));
    ctx.iq({ ...query, type: "set" }, (iq, payload) => set(ctx, sessionOf(ctx, iq), payload, options));
    // After all plugins: a plugin may still ask who the contacts were.
    ctx.hook("account:removing", ({ account }) => partFromAll(ctx, account), -10);
  },
});

/** @throws StanzaError `forbidden`: only the account's own resources may see or change its roster. RFC 6121 §2, §2.3.3 */
function sessionOf(ctx: PluginContext, iq: Iq): Session {
  const session = iq.from.sameBare(iq.to) ? ctx.sessions.get(iq.from)?.session : undefined;
  if (!session) throw new StanzaError("forbidden");
  return session;
}

/** RFC 6121 §2.1.3, §2.6.2 */
async function get(ctx: PluginContext, session: Session, query: Element): Promise<Element | undefined> {
  // Other children are extensions that this server does not know.
  if (query.getChild("item", NS_ROSTER)) throw new StanzaError("bad-request");
  if (session.anonymous) return xml("query", { xmlns: NS_ROSTER });
  // In turn: a push that follows is newer than the result, one that went before is in it.
  return inRosterTurn(ctx, session.account.jid, async () => {
    ctx.sessions.update(session, { interested: true });
    const { version, entries } = await ctx.storage.rosters.list(session.account);
    // §2.6.3: an empty result, not an empty query, says that nothing changed. §2.6.2: `ver=""` is no version.
    if (query.attrs.ver && query.attrs.ver === version) return undefined;
    const items = entries.filter((entry) => entry.listed).map(itemElement);
    return xml("query", { xmlns: NS_ROSTER, ver: version }, ...items);
  });
}

async function set(
  ctx: PluginContext,
  session: Session,
  query: Element,
  options: RosterOptions,
): Promise<undefined> {
  if (session.anonymous) throw new StanzaError("not-allowed", { text: "an anonymous user has no roster" });
  const item = parseRosterSet(query, options);
  if (item.remove) await remove(ctx, session.account, item);
  else await put(ctx, session.account, item, options);
}

/** Adds or changes a contact. RFC 6121 §2.3, §2.4 */
async function put(
  ctx: PluginContext,
  account: Account,
  { jid, name, groups }: RosterItem,
  options: RosterOptions,
): Promise<void> {
  // §2.3.3, interoperability note: nobody can subscribe to himself, so as a contact he would never be complete.
  if (jid.sameBare(account.jid)) throw new StanzaError("not-allowed");
  await inRosterTurn(ctx, account.jid, async () => {
    const change = await ctx.storage.rosters.update(account, jid, (before, listed) => {
      const after = { ...(before ?? newEntry(jid)), name, groups, listed: true };
      requireRoom(before, after, listed, options);
      return after;
    });
    pushRoster(ctx, account.jid, jid, change);
  });
}

/** RFC 6121 §2.5 */
async function remove(ctx: PluginContext, account: Account, { jid }: RosterItem): Promise<void> {
  const before = await inRosterTurn(ctx, account.jid, async () => {
    const change = await ctx.storage.rosters.update(account, jid, (entry) => {
      // §2.5.3
      if (!entry?.listed) throw new StanzaError("item-not-found");
      return undefined;
    });
    pushRoster(ctx, account.jid, jid, change);
    return change.before as RosterEntry;
  });
  await partFrom(ctx, account, before);
}
