/** Message Carbons: XEP-0280. */
import {
  definePlugin,
  type IqHandler,
  type Jid,
  type Resource,
  type Stanza,
  StanzaError,
} from "../src/plugin/api.js";
import { copyOf, type Direction, NS_CARBONS } from "./carbons/copy.js";
import { isCopied } from "./carbons/eligible.js";
import { SentMessages } from "./carbons/sent-messages.js";

const FLAG = "carbons";

export default definePlugin({
  name: "carbons",
  about: "Gives a client's fellows copies of what it sends and gets.",
  setup(ctx) {
    ctx.feature(NS_CARBONS);
    // §6.2: all the rules of §6.1
    ctx.feature("urn:xmpp:carbons:rules:0");
    const turn =
      (on: boolean): IqHandler =>
      (iq) => {
        // §4.1, §5.1
        if (!iq.from.sameBare(iq.to)) throw new StanzaError("not-allowed");
        const session = ctx.sessions.get(iq.from)?.session;
        if (session) ctx.sessions.flag(session, FLAG, on);
        return undefined;
      };
    const request = { type: "set", to: "account", ns: NS_CARBONS, missing: true } as const;
    ctx.iq({ ...request, name: "enable" }, turn(true));
    ctx.iq({ ...request, name: "disable" }, turn(false));

    const give = (direction: Direction, message: Stanza, readers: readonly Resource[]) => {
      const account = readers[0]?.jid.bare;
      if (!account) return;
      const copy = copyOf(direction, message, account);
      for (const reader of readers) ctx.sessions.send(reader, copy.withTo(reader.jid));
    };
    /** The account's other resources that want copies. */
    const fellows = (jid: Jid) =>
      ctx.sessions.of(jid).filter((one) => one.flags.has(FLAG) && !one.jid.equals(jid));
    const sent = new SentMessages();

    // §7. `from` is whom the message has reached besides: of a message to oneself one copy is enough.
    ctx.hook("message:missed", ({ stanza, missed }) => {
      if (!isCopied(stanza, "received")) return;
      const readers = missed.filter((one) => one.flags.has(FLAG) && !one.jid.equals(stanza.from));
      give("received", stanza, readers);
    });
    // §8. The copy has the message's name in the archive: XEP-0313 §3.5.
    ctx.hook("message:sent", ({ session, stanza, others }) => {
      if (stanza.to?.sameBare(session.jid)) return;
      const readers = others.filter((one) => one.flags.has(FLAG));
      if (readers.length === 0 || !isCopied(stanza, "sent")) return;
      sent.note(session, stanza);
      give("sent", stanza, readers);
    });
    // §6.1: errors follow the message that they answer, whoever else is told of it.
    ctx.hook("stanza:sending", ({ session, stanza }) => {
      if (stanza.kind !== "message" || stanza.type !== "error") return;
      if (sent.answeredBy(session, stanza)) give("received", stanza, fellows(session.jid));
    });
  },
});
