/** Push Notifications: XEP-0357. */
import { definePlugin, type Session, type Stanza, StanzaError } from "../src/plugin/api.js";
import { Notifier } from "./push/notifier.js";
import { type PushOptions, pushOptions } from "./push/options.js";
import { NS_PUSH, Registrations, readDisable, readEnable } from "./push/registrations.js";
import { affiliationLost } from "./push/remote-end.js";

export default definePlugin<PushOptions>({
  name: "push",
  about: "Has the services of mobile clients wake them when messages wait.",
  options: pushOptions,
  setup(ctx, options) {
    // §4.1: of the account.
    ctx.feature(NS_PUSH, "account");
    const registrations = new Registrations(ctx, options.maxServices, (changed) =>
      ctx.tellOthers({ changed }),
    );
    const notifier = new Notifier(ctx, registrations, options);

    const own = { type: "set", to: "account", ns: NS_PUSH, missing: true } as const;
    ctx.iq({ ...own, name: "enable" }, async (iq, payload) => {
      if (!iq.from.sameBare(iq.to)) throw new StanzaError("forbidden");
      const session = ctx.sessions.get(iq.from)?.session;
      await registrations.enable(iq.to, session, readEnable(payload));
      return undefined;
    });
    ctx.iq({ ...own, name: "disable" }, async (iq, payload) => {
      if (!iq.from.sameBare(iq.to)) throw new StanzaError("forbidden");
      await registrations.disable(iq.to, readDisable(payload));
      return undefined;
    });

    ctx.hook("message:kept", ({ account, stanza }) => {
      void notifier.tellAll(account, stanza);
    });
    // A phone whose session is over misses what another client gets until it fetches that from the archive.
    ctx.hook("stanza:deliver", ({ account, stanza }) => {
      if (stanza.kind === "message" && registrations.mayHave(account))
        void notifier.tellAbsent(account, stanza);
    });
    // A session whose client may be asleep gets the message in its place among others; its service is told besides.
    const toSleeper = (session: Session, messages: readonly Stanza[]) =>
      notifier.tell(session.account, registrations.of(session), messages);
    ctx.hook("stanza:sending", ({ session, stanza }) => {
      if (stanza.kind === "message" && (session.detached || session.valve)) toSleeper(session, [stanza]);
    });
    ctx.hook("session:detached", ({ session, unacknowledged }) => toSleeper(session, unacknowledged));
    // §7
    ctx.hook("stanza:deliver", ({ account, stanza }) => {
      const node = stanza.kind === "message" && stanza.type !== "chat" ? affiliationLost(stanza) : undefined;
      return node === undefined || !stanza.from
        ? undefined
        : registrations.disable(account, { jid: stanza.from.text, node });
    });
    ctx.hook("session:leaving", ({ session, notes }) => {
      notes.push = [...registrations.of(session)];
    });
    ctx.hook("session:arrived", ({ session, notes }) => {
      registrations.arrived(session, (notes.push ?? []) as string[]);
    });
    // Who says something knows what is new; the others are told when that begins.
    ctx.hook("stanza:received", ({ session }) => notifier.seen(session.account.jid.text));
    ctx.hook("session:bound", ({ session }) => ctx.tellOthers({ seen: session.account.jid.text }));
    ctx.onTold((news) => {
      const { changed, seen } = news as { changed?: number; seen?: string };
      if (changed !== undefined) registrations.forget(changed);
      if (seen !== undefined) notifier.seen(seen);
    });
  },
});
