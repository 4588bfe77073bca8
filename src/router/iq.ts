import type { IqHandler, IqRoute } from "../plugin/api.js";
import { type Element, firstChild } from "../xml/element.js";
import { StanzaError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";

const keyOf = (to: string, type: string, ns: string, name: string) => `${to} ${type} ${ns} ${name}`;

function keyFor(iq: Stanza, to: IqRoute["to"]): string {
  const payload = firstChild(iq) as Element;
  return keyOf(to, iq.type as string, payload.getNS() ?? "", payload.getName());
}

/** The iqs that a domain answers itself, by payload. The sole home of `service-unavailable` for iqs nobody answers. */
export class IqRoutes {
  readonly #handlers = new Map<string, IqHandler>();
  /** Keys of routes that are asked for accounts that do not exist, too. */
  readonly #missing = new Set<string>();

  /**
   * @returns takes the route away again.
   * @throws Error when the route is taken.
   */
  add(route: IqRoute, handler: IqHandler): () => void {
    const key = keyOf(route.to, route.type, route.ns, route.name);
    if (this.#handlers.has(key)) throw new Error(`two plugins answer ${key}`);
    this.#handlers.set(key, handler);
    if (route.missing) this.#missing.add(key);
    return () => {
      this.#handlers.delete(key);
      this.#missing.delete(key);
    };
  }

  /** Whether this iq to an account is answered also where there is no such account. */
  answersMissing(iq: Stanza): boolean {
    return this.#missing.has(keyFor(iq, "account"));
  }

  /**
   * @param iq of type get or set, addresses set, with exactly one child.
   * @returns the result to send.
   * @throws StanzaError
   */
  answer(iq: Stanza, to: IqRoute["to"][]): Stanza | Promise<Stanza> {
    const payload = firstChild(iq) as Element;
    const handler = this.#find(iq, to);
    // RFC 6120 §8.4: a namespace nobody understands; RFC 6121 §8.5.1, §8.5.2.1.3 say which condition.
    if (!handler) throw new StanzaError("service-unavailable");
    const answer = handler(iq as Stanza & { from: Jid; to: Jid }, payload);
    return answer instanceof Promise ? answer.then((child) => iq.reply(child)) : iq.reply(answer);
  }

  #find(iq: Stanza, to: IqRoute["to"][]): IqHandler | undefined {
    for (const where of to) {
      const handler = this.#handlers.get(keyFor(iq, where));
      if (handler) return handler;
    }
    return undefined;
  }
}
