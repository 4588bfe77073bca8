/** In-Band Registration: XEP-0077. */
import { definePlugin, xml } from "../src/plugin/api.js";
import { Members } from "./register/member.js";
import { NS_REGISTER } from "./register/namespace.js";
import { Newcomers } from "./register/newcomer.js";
import { type RegisterOptions, registerOptions } from "./register/options.js";

const NS_STREAM_FEATURE = "http://jabber.org/features/iq-register";

export default definePlugin<RegisterOptions>({
  name: "register",
  about: "Lets people make accounts, change passwords and remove their accounts from their client.",
  options: registerOptions,
  setup(ctx, options) {
    ctx.feature(NS_REGISTER);
    const newcomers = new Newcomers(ctx, options);
    ctx.hook("stream:features", ({ stream, offer }) => {
      if (newcomers.welcomes(stream)) offer.append(xml("register", { xmlns: NS_STREAM_FEATURE }));
    });
    ctx.hook("stream:unauthenticated", async ({ stream, iq, reply }) => {
      const answer = await newcomers.answer(stream, iq);
      if (answer) reply(answer);
      return answer !== undefined;
    });
    const members = new Members(ctx, options);
    for (const to of ["server", "account"] as const) {
      const query = { to, ns: NS_REGISTER, name: "query", missing: to === "account" } as const;
      ctx.iq({ ...query, type: "get" }, (iq) => members.get(iq));
      ctx.iq({ ...query, type: "set" }, (iq, payload) => members.set(iq, payload));
    }
  },
});
