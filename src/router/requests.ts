import { randomBytes } from "node:crypto";
import { StanzaError } from "../xmpp/errors.js";
import type { Stanza } from "../xmpp/stanza.js";

/** Requests under way at the most, of all plugins together. */
const MAX = 10_000;

interface Outstanding {
  request: Stanza;
  timer: NodeJS.Timeout;
  resolve(answer: Stanza): void;
  reject(error: StanzaError): void;
}

/** The iqs that this node asks in the name of a domain or an account, until they are answered: RFC 6120 §8.2.3. */
export class Requests {
  readonly #outstanding = new Map<string, Outstanding>();

  /**
   * @param node name of this node, which ids of requests end in
   * @param elsewhere is given answers that nobody waits for here; says whether somebody elsewhere may
   */
  constructor(
    private readonly max = MAX,
    private readonly node = "",
    private readonly elsewhere: (iq: Stanza) => boolean = () => false,
  ) {}

  /**
   * @param iq of type get or set, `from` the domain or a bare JID of it; its id is replaced by an unguessable one.
   * @param timeout ms
   * @param route sends it; what it rejects with is the outcome.
   * @returns the result. Rejects with a StanzaError: what was answered, `remote-server-timeout` when nothing was,
   *   `resource-constraint` when too many wait.
   */
  async ask(iq: Stanza, timeout: number, route: (iq: Stanza) => Promise<void>): Promise<Stanza> {
    if (this.#outstanding.size >= this.max) {
      throw new StanzaError("resource-constraint", { text: "too many requests are under way" });
    }
    const request = iq.withId(`${randomBytes(12).toString("base64url")}@${this.node}`);
    const answer = this.#wait(request, timeout);
    route(request).catch((error) => this.#take(request.id)?.reject(error));
    return answer;
  }

  /**
   * @param iq of type result or error.
   * @returns false when it answers nothing: who it is from and for must be the other way round, so that nobody answers
   *   in somebody else's place.
   */
  settle(iq: Stanza): boolean {
    const asked = this.#outstanding.get(iq.id ?? "")?.request;
    if (!asked) return this.elsewhere(iq);
    if (!asked.to?.equals(iq.from) || !asked.from?.equals(iq.to)) return false;
    const { resolve, reject } = this.#take(iq.id) as Outstanding;
    if (iq.type === "error") reject(StanzaError.of(iq.getChild("error")));
    else resolve(iq);
    return true;
  }

  /** Nobody waits any more. */
  stop(): void {
    for (const id of [...this.#outstanding.keys()]) {
      this.#take(id)?.reject(new StanzaError("recipient-unavailable", { text: "the server stops" }));
    }
  }

  #wait(request: Stanza, timeout: number): Promise<Stanza> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#take(request.id)?.reject(new StanzaError("remote-server-timeout"));
      }, timeout);
      this.#outstanding.set(request.id as string, { request, timer, resolve, reject });
    });
  }

  #take(id: string | undefined): Outstanding | undefined {
    const outstanding = this.#outstanding.get(id ?? "");
    if (!outstanding) return undefined;
    clearTimeout(outstanding.timer);
    this.#outstanding.delete(id ?? "");
    return outstanding;
  }
}
