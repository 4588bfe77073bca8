/** Service Discovery: XEP-0030, and contact addresses of the service: XEP-0157. */
import {
  type Announced,
  definePlugin,
  type Element,
  type IqHandler,
  Jid,
  maySeePresence,
  type PluginContext,
  StanzaError,
  text,
  xml,
  z,
} from "../src/plugin/api.js";

const NS_INFO = "http://jabber.org/protocol/disco#info";
const NS_ITEMS = "http://jabber.org/protocol/disco#items";
const NS_FORM = "jabber:x:data";
const FORM_TYPE = "http://jabber.org/network/serverinfo";

/** The roles of XEP-0157 §7.1, in the order of the form's fields. */
const roles = ["abuse", "admin", "feedback", "sales", "security", "status", "support"] as const;

const addresses = (purpose: string) =>
  z
    .array(
      z.string().regex(/^[a-z][a-z0-9+.-]*:\S+$/i, "expected an address such as mailto:abuse@example.org"),
    )
    .prefault([])
    .describe(`Addresses (URIs) for ${purpose}.`);

const options = z.strictObject({
  name: text("a name").prefault("Sluice").describe("The name of the server, as people see it."),
  items: z
    .array(
      z.strictObject({
        jid: z
          .string()
          .refine((given) => Jid.tryParse(given), "expected an address such as irc.example.org")
          .describe("The address of the other service."),
        name: text("a name").optional().describe("Its name, as people see it."),
      }),
    )
    .prefault([])
    .describe("Other services to show, besides those of this server."),
  contact: z
    .strictObject({
      abuse: addresses("reports of abuse"),
      admin: addresses("the administrators"),
      feedback: addresses("opinions on the service"),
      sales: addresses("whoever wants to buy"),
      security: addresses("reports of weaknesses"),
      status: addresses("the state of the service"),
      support: addresses("help"),
    })
    .prefault({})
    .describe(
      "How to reach those who run the service (XEP-0157); shown where at least one address is given.",
    ),
});
type Options = z.output<typeof options>;

export default definePlugin<Options>({
  name: "disco",
  about: "Tells what the server and its accounts can do, and which other services there are.",
  options,
  setup(ctx, { name, items, contact }) {
    announce(ctx, name);
    const form = contactForm(contact);
    if (form) ctx.form(form);
    for (const item of items) ctx.item({ jid: Jid.parse(item.jid), name: item.name });
    const info = { type: "get", ns: NS_INFO, name: "query" } as const;
    const list = { type: "get", ns: NS_ITEMS, name: "query" } as const;
    ctx.iq({ ...info, to: "server" }, (_, query) => serverInfo(ctx, query));
    ctx.iq({ ...list, to: "server" }, (_, query) => serverItems(ctx, query));
    ctx.iq({ ...info, to: "account" }, (iq, query) => accountInfo(ctx, iq, query));
    ctx.iq({ ...list, to: "account", missing: true }, (iq, query) => accountItems(ctx, iq, query));
  },
});

type Iq = Parameters<IqHandler>[0];

function announce(ctx: PluginContext, name: string): void {
  ctx.identity({ category: "server", type: "im", name });
  ctx.identity({ category: "account", type: "registered" }, "account");
  for (const side of ["server", "account"] as const) {
    ctx.feature(NS_INFO, side);
    ctx.feature(NS_ITEMS, side);
  }
}

/** XEP-0030 §3.1 */
function serverInfo(ctx: PluginContext, query: Element): Element {
  refuseNode(query);
  return infoElement(ctx.announced("server"));
}

/** §4.1 */
function serverItems(ctx: PluginContext, query: Element): Element {
  refuseNode(query);
  return xml(
    "query",
    { xmlns: NS_ITEMS },
    ...ctx.items().map(({ jid, name }) => xml("item", { jid: jid.text, name })),
  );
}

/** §8: to those who may not see the account's presence it looks as if it did not exist, whatever the node. */
async function accountInfo(ctx: PluginContext, { from, to }: Iq, query: Element): Promise<Element> {
  if (!(await maySeePresence(ctx, to, from))) throw new StanzaError("service-unavailable");
  refuseNode(query);
  const announced = ctx.announced("account");
  if (await ctx.account(to)) return infoElement(announced);
  // The account of an anonymous session is not stored; only its owner gets here.
  const others = announced.identities.filter(({ category }) => category !== "account");
  return infoElement({ ...announced, identities: [{ category: "account", type: "anonymous" }, ...others] });
}

/** §4.1; §8: those who may not see the account's presence get the empty list, as for an account that does not exist. */
async function accountItems(ctx: PluginContext, { from, to }: Iq, query: Element): Promise<Element> {
  const { node } = query.attrs;
  if (!(await maySeePresence(ctx, to, from))) return xml("query", { xmlns: NS_ITEMS, node });
  refuseNode(query);
  const available = ctx.sessions.of(to).filter(({ presence }) => presence);
  return xml("query", { xmlns: NS_ITEMS }, ...available.map(({ jid }) => xml("item", { jid: jid.text })));
}

/** §7: nothing here has nodes. */
function refuseNode(query: Element): void {
  if (query.attrs.node !== undefined) throw new StanzaError("item-not-found");
}

function infoElement({ identities, features, forms }: Announced): Element {
  return xml(
    "query",
    { xmlns: NS_INFO },
    ...identities.map(({ category, type, name }) => xml("identity", { category, type, name })),
    ...features.map((feature) => xml("feature", { var: feature })),
    ...forms,
  );
}

/** XEP-0157 §3 */
function contactForm(contact: Options["contact"]): Element | undefined {
  const given = roles.filter((role) => contact[role].length > 0);
  if (given.length === 0) return undefined;
  const values = (list: readonly string[]) => list.map((value) => xml("value", {}, value));
  return xml(
    "x",
    { xmlns: NS_FORM, type: "result" },
    xml("field", { var: "FORM_TYPE", type: "hidden" }, ...values([FORM_TYPE])),
    ...given.map((role) => xml("field", { var: `${role}-addresses` }, ...values(contact[role]))),
  );
}
