import type { Element } from "../../xml/element.js";
import { type ParserHandler, type ParserLimits, StreamParser } from "../../xml/parser.js";
import { StreamError } from "../../xmpp/errors.js";
import { NS_CLIENT } from "../../xmpp/stanza.js";
import { BoshError } from "./condition.js";

export const NS_BOSH = "http://jabber.org/protocol/httpbind";
export const NS_XBOSH = "urn:xmpp:xbosh";

const MAX_RID = 2 ** 53 - 1;
const STANZA = /^(message|presence|iq)$/;

export interface Payload {
  element: Element;
  /** The text between its tags as it was read, where that is known. */
  inner: string | undefined;
}

/** One `<body/>` of a client. XEP-0124 §6 */
export class BoshRequest {
  readonly payloads: Payload[] = [];

  private constructor(
    readonly body: Element,
    /** §14.1 */
    readonly rid: number,
  ) {}

  /**
   * @param limitsOf the caps on each payload, which depend on the session.
   * @throws BoshError bad-request for what is no `<body/>`, policy-violation for a payload over a cap. What was known of
   *   the request by then is handed to `limitsOf` before.
   */
  static read(bytes: Buffer, limitsOf: (request: BoshRequest) => ParserLimits): BoshRequest {
    const reader = new BodyReader(limitsOf);
    try {
      return reader.read(bytes);
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      throw new BoshError(
        error.condition === "policy-violation" ? "policy-violation" : "bad-request",
        error.message,
      );
    }
  }

  /** @throws BoshError bad-request */
  static of(body: Element): BoshRequest {
    if (!body.is("body", NS_BOSH)) throw new BoshError("bad-request", "no <body/>");
    const rid = number(body.attrs.rid);
    if (rid === undefined || rid < 1 || rid > MAX_RID) throw new BoshError("bad-request", "no proper rid");
    return new BoshRequest(body, rid);
  }

  attribute(name: string): string | undefined {
    return this.body.attrs[name];
  }

  /** Whole seconds, or another number. @throws BoshError bad-request when it is none. */
  number(name: string): number | undefined {
    const text = this.attribute(name);
    if (text === undefined) return undefined;
    const value = number(text);
    if (value === undefined) throw new BoshError("bad-request", `${name} is no number`);
    return value;
  }

  /** An attribute of XEP-0206, whatever its prefix. */
  xbosh(name: string): string | undefined {
    const { attrs } = this.body;
    for (const key in attrs) {
      const [prefix, local] = key.split(":");
      if (local === name && attrs[`xmlns:${prefix}`] === NS_XBOSH) return attrs[key];
    }
    return undefined;
  }

  get sid(): string | undefined {
    return this.attribute("sid");
  }

  /** XEP-0206 §5 */
  get restarts(): boolean {
    return isTrue(this.xbosh("restart"));
  }

  get terminates(): boolean {
    return this.attribute("type") === "terminate";
  }

  get pauses(): boolean {
    return this.attribute("pause") !== undefined;
  }

  /** ms; undefined also for what is no number of seconds. */
  get pause(): number | undefined {
    const seconds = number(this.attribute("pause"));
    return seconds === undefined ? undefined : seconds * 1000;
  }

  /** It asks for nothing but what there is to be told. */
  get isEmpty(): boolean {
    return this.payloads.length === 0 && !this.restarts && !this.terminates && !this.pauses;
  }
}

/** Reads a body like the stream that it is a piece of: its tag is the header, what is inside are stanzas. */
class BodyReader implements ParserHandler {
  readonly #limits: ParserLimits = { maxBytes: 10_000, maxDepth: 8, maxAttributes: 64 };
  #request: BoshRequest | undefined;
  #whole = false;

  constructor(private readonly limitsOf: (request: BoshRequest) => ParserLimits) {}

  read(bytes: Buffer): BoshRequest {
    new StreamParser(this, this.#limits).write(bytes);
    if (!this.#request || !this.#whole) throw new BoshError("bad-request", "no whole <body/>");
    return this.#request;
  }

  onHeader(body: Element): void {
    this.#request = BoshRequest.of(body);
    // Its caps hold from the first payload on.
    Object.assign(this.#limits, this.limitsOf(this.#request));
  }

  onElement(element: Element, inner: string | undefined): void {
    const { attrs } = element;
    // COMPAT: some clients leave the namespace of stanzas out, and it would be that of <body/> then.
    if (attrs.xmlns === undefined && STANZA.test(element.name)) attrs.xmlns = NS_CLIENT;
    this.#request?.payloads.push({ element, inner });
  }

  onFooter(): void {
    this.#whole = true;
  }
}

function number(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}

function isTrue(text: string | undefined): boolean {
  return text === "true" || text === "1";
}
