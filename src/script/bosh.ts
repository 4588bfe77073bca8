import { randomInt } from "node:crypto";
import { Agent, request as httpRequest } from "node:http";
import { detached } from "../xml/detached.js";
import { type AttrsInput, type Element, escapeAttribute, serialize, xml } from "../xml/element.js";
import { parseElement } from "../xml/parse.js";
import { LIMITS, NS_STREAM } from "./fragment.js";
import type { Framing } from "./framing.js";
import type { Received } from "./mailbox.js";
import { MessageFraming, NS_FRAMING } from "./message-framing.js";
import type { ScriptTransport } from "./target.js";

const NS_BOSH = "http://jabber.org/protocol/httpbind";
const NS_XBOSH = "urn:xmpp:xbosh";
/** XEP-0124 §7.1: seconds, and requests held. */
const WAIT = 20;
const HOLD = 1;

/** BOSH for a script's client: XEP-0124 and XEP-0206, in the words of WebSocket (`<open/>`, `<close/>`). */
export function openBosh(url: string): ScriptTransport {
  return new BoshTransport(url);
}

class BoshTransport implements ScriptTransport {
  readonly #agent = new Agent({ keepAlive: true });
  #rid = randomInt(1, 2 ** 40);
  #sid: string | undefined;
  #to = "";
  /** What is to be sent: payloads as text, or attributes for a body of its own. */
  readonly #queue: (string | AttrsInput)[] = [];
  /** Answers by rid, until their turn; undefined until they are there. */
  readonly #answers = new Map<number, Element | undefined>();
  #headerDue = false;
  #over = false;
  #data: (bytes: Buffer) => void = () => undefined;
  #close: () => void = () => undefined;

  constructor(private readonly url: string) {}

  framing(receive: (received: Received) => void): Framing {
    return new MessageFraming(receive);
  }

  write(text: string): void {
    if (text.startsWith("<open ")) this.#open(text);
    else if (text.startsWith("<close ")) this.#queue.push({ type: "terminate" });
    else this.#queue.push(text);
    this.#pump();
  }

  onData(fn: (bytes: Buffer) => void): void {
    this.#data = fn;
  }

  onClose(fn: () => void): void {
    this.#close = fn;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.#over = true;
    this.#agent.destroy();
  }

  #open(text: string): void {
    const { attrs } = parseElement(text);
    const stream = { to: attrs.to, "xml:lang": attrs["xml:lang"], "xmlns:xmpp": NS_XBOSH };
    this.#headerDue = true;
    this.#to = attrs.to;
    if (this.#sid === undefined) {
      this.#queue.push({ ...stream, "xmpp:version": "1.0", ver: "1.6", wait: WAIT, hold: HOLD });
    } else {
      this.#queue.push({ ...stream, "xmpp:restart": "true" });
    }
  }

  /** Sends what there is; and when nothing is under way, something all the same, for the server to answer. */
  #pump(): void {
    const room = this.#sid === undefined ? 1 : HOLD + 1;
    while (!this.#over && this.#answers.size < room && (this.#queue.length > 0 || this.#isIdle)) this.#send();
  }

  get #isIdle(): boolean {
    return this.#sid !== undefined && this.#answers.size === 0;
  }

  #send(): void {
    const attrs = typeof this.#queue[0] === "object" ? (this.#queue.shift() as AttrsInput) : {};
    let payload = "";
    while (Object.keys(attrs).length === 0 && typeof this.#queue[0] === "string")
      payload += this.#queue.shift();
    const rid = this.#rid++;
    const body = xml("body", { xmlns: NS_BOSH, rid, sid: this.#sid, ...attrs });
    this.#answers.set(rid, undefined);
    this.#post(rid, serialize(body).replace(/\/>$/, `>${payload}</body>`));
  }

  #post(rid: number, body: string): void {
    const headers = { "Content-Type": "text/xml; charset=utf-8", "Content-Length": Buffer.byteLength(body) };
    const request = httpRequest(this.url, { method: "POST", agent: this.#agent, headers }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => this.#answered(rid, Buffer.concat(parts).toString()));
    });
    request.on("error", () => this.#end());
    request.end(body);
  }

  /** XEP-0124 §14.2: answers count in the order of their requests. */
  #answered(rid: number, text: string): void {
    if (this.#over) return;
    this.#answers.set(rid, parseElement(text, LIMITS));
    for (const [first, answer] of this.#answers) {
      if (!answer) break;
      this.#answers.delete(first);
      this.#take(answer);
    }
    this.#pump();
  }

  #take(body: Element): void {
    this.#sid ??= body.attrs.sid;
    for (const child of body.getChildElements()) {
      if (this.#headerDue && child.is("features", NS_STREAM)) this.#header(body);
      // What is said before the stream's features ends it, and still comes after a header: RFC 6120 §4.9.1.2.
      if (this.#headerDue && child.is("error", NS_STREAM)) this.#header(body);
      this.#data(Buffer.from(serialize(detached(child))));
    }
    if (body.attrs.type !== "terminate") return;
    this.#data(Buffer.from(`<close xmlns="${NS_FRAMING}"/>`));
    this.#end();
  }

  #header(body: Element): void {
    this.#headerDue = false;
    const from = escapeAttribute(body.attrs.from ?? this.#to);
    this.#data(Buffer.from(`<open xmlns="${NS_FRAMING}" from="${from}" version="1.0"/>`));
  }

  #end(): void {
    if (this.#over) return;
    this.destroy();
    this.#close();
  }
}
