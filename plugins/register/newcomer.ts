import {
  type Element,
  firstChild,
  Jid,
  type PluginContext,
  Stanza,
  StanzaError,
  type StreamInfo,
  xml,
} from "../../src/plugin/api.js";
import { chosenAddress, credentialsOf, refused } from "./fields.js";
import { NS_REGISTER } from "./namespace.js";
import type { RegisterOptions } from "./options.js";
import { Quota } from "./quota.js";

/** Somebody who has not logged in and asks for an account. XEP-0077 §3.1 */
export class Newcomers {
  readonly #quota: Quota;
  /** Streams that have made an account. */
  readonly #done = new WeakSet<StreamInfo>();

  constructor(
    private readonly ctx: PluginContext,
    private readonly options: RegisterOptions,
  ) {
    const { count, window } = options.attemptsPerAddress;
    this.#quota = new Quota(count, window);
  }

  /** Whether a stream may be told of registration: XEP-0077 §8. */
  welcomes(stream: StreamInfo): boolean {
    const { registration, secureOnly } = this.options;
    return registration && !stream.authenticated && (stream.secure || !secureOnly);
  }

  /** @returns undefined for an iq that is about something else, or for somebody else. */
  async answer(stream: StreamInfo, iq: Element): Promise<Stanza | undefined> {
    const stanza = asRequest(iq, this.ctx.domain);
    if (!stanza) return undefined;
    try {
      return stanza.reply(await this.#handle(stream, stanza));
    } catch (error) {
      if (error instanceof StanzaError) return stanza.errorReply(error);
      this.ctx.log.error({ err: error, stream: stream.id }, "a registration failed");
      return stanza.errorReply(new StanzaError("internal-server-error"));
    }
  }

  async #handle(stream: StreamInfo, iq: Stanza): Promise<Element | undefined> {
    if (!this.options.registration) throw new StanzaError("service-unavailable");
    if (!this.welcomes(stream)) throw new StanzaError("not-authorized", { text: "start TLS first" });
    const query = firstChild(iq) as Element;
    if (iq.type === "get") return this.#form();
    // Who has no account has none to remove: §3.2, "unexpected request".
    if (query.getChild("remove")) throw new StanzaError("unexpected-request");
    await this.#create(stream, query);
    return undefined;
  }

  #form(): Element {
    const instructions = xml("instructions", {}, this.options.instructions);
    return xml("query", { xmlns: NS_REGISTER }, instructions, xml("username"), xml("password"));
  }

  async #create(stream: StreamInfo, query: Element): Promise<void> {
    const { ctx, options } = this;
    // §3.1.1: one account for each stream, and not too many from one place.
    if (this.#done.has(stream)) throw refused("an account was made already");
    const jid = chosenAddress(query.getChildText("username"), ctx.domain, options);
    const password = query.getChildText("password");
    if (!password) throw refused("a password is required");
    if (!this.#quota.take(stream.remoteAddress)) throw refused("too many attempts, try again later");
    if (await ctx.account(jid)) throw new StanzaError("conflict");
    const credentials = await credentialsOf(password, ctx.iterations, options);
    if (!(await ctx.storage.accounts.create(jid, credentials))) throw new StanzaError("conflict");
    ctx.accountChanged(jid);
    this.#done.add(stream);
    ctx.log.info({ account: jid.text, address: stream.remoteAddress }, "an account was registered");
  }
}

/** A request about registration, addressed to the domain or to nobody. */
function asRequest(iq: Element, domain: string): Stanza | undefined {
  const { type, id, to } = iq.attrs;
  const isRequest = (type === "get" || type === "set") && id !== undefined && id !== "";
  if (!isRequest || (to !== undefined && Jid.tryParse(to)?.text !== domain)) return undefined;
  const [payload, ...others] = iq.getChildElements();
  if (others.length > 0 || !payload?.is("query", NS_REGISTER)) return undefined;
  // There is nobody yet whom the answer could be addressed to.
  delete iq.attrs.from;
  return Stanza.of(iq);
}
