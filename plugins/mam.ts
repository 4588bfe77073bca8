/** Message Archive Management: XEP-0313, with the preferences of XEP-0441 and the names of XEP-0359. */
import {
  type Account,
  definePlugin,
  type Element,
  type Jid,
  type Stanza,
  StanzaError,
  xml,
} from "../src/plugin/api.js";
import { formFields, readFilter } from "./mam/form.js";
import { NS_EXTENDED, NS_GROUPCHAT_FIELD, NS_MAM, NS_SID } from "./mam/namespaces.js";
import { type MamOptions, mamOptions } from "./mam/options.js";
import { readPageRequest } from "./mam/page-request.js";
import { Pages } from "./mam/pages.js";
import { Preferences } from "./mam/preferences.js";
import { Results } from "./mam/results.js";
import { Retention } from "./mam/retention.js";

type Answer = (
  account: Account,
  payload: Element,
  asker: Jid,
) => Promise<Element | undefined> | Element | undefined;

export default definePlugin<MamOptions>({
  name: "mam",
  about: "Keeps an archive of each account's messages.",
  options: mamOptions,
  setup(ctx, options) {
    // §7, XEP-0359 §5: what has an archive is the account.
    for (const ns of [NS_MAM, NS_EXTENDED, NS_GROUPCHAT_FIELD, NS_SID]) ctx.feature(ns, "account");
    const preferences = new Preferences(ctx, options.default);
    const pages = new Pages(ctx);
    const results = new Results(ctx.archive);

    ctx.hook("message:archiving", ({ account, peer }) => preferences.want(account, peer));

    if (options.expireAfter > 0) {
      const retention = new Retention(ctx, options.expireAfter);
      retention.start();
      ctx.onStop(() => retention.stop());
    }

    /** Everybody has their own archive, and nobody learns whether another one exists: §8.1. */
    const serve = (type: "get" | "set", name: string, answer: Answer) => {
      ctx.iq({ type, to: "account", ns: NS_MAM, name, missing: true }, async (iq, payload) => {
        if (!iq.from.sameBare(iq.to)) throw new StanzaError("forbidden");
        const account = await ctx.account(iq.to);
        // Anonymous sessions have none.
        if (!account) throw new StanzaError("service-unavailable");
        return answer(account, payload, iq.from);
      });
    };
    serve("get", "query", () => xml("query", { xmlns: NS_MAM }, formFields()));
    serve("set", "query", async (account, query, asker) => {
      const filter = readFilter(query);
      const request = readPageRequest(query, options);
      const resource = ctx.sessions.get(asker);
      // It has not acknowledged the pages before; with more of them its session would end.
      if (resource?.session?.saturated) throw new StanzaError("resource-constraint");
      const page = await pages.find(account, filter, request);
      const messages: Stanza[] = page.messages.map((message) =>
        results.message(account, message, asker, query.attrs.queryid),
      );
      // §4.3.4: the page is the same, sent the other way round.
      if (query.getChild("flip-page")) messages.reverse();
      // §4: all of them before the result, which takes the same way.
      for (const message of messages) if (resource) ctx.sessions.send(resource, message);
      return results.fin(account, page);
    });
    serve("get", "metadata", async (account) => {
      await ctx.archive.complete();
      return results.metadata(account, await ctx.storage.archive.ends(account));
    });
    serve("get", "prefs", (account) => preferences.element(account));
    serve("set", "prefs", async (account, prefs) => {
      await preferences.set(account, prefs);
      return preferences.element(account);
    });
  },
});
