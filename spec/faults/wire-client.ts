import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Element, escapeText } from "../../src/xml/element.js";
import { StreamParser } from "../../src/xml/parser.js";

const NS_SM = "urn:xmpp:sm:3";
const LIMITS = { maxBytes: 16 * 1024 ** 2, maxDepth: 100, maxAttributes: 100 };

/**
 * One connection of a client with stream management, as small as it can be: what is under test is the server. Every wait
 * ends when the connection does.
 */
export class WireConnection {
  #socket: Socket;
  #parser: StreamParser | undefined;
  #waiting: { match: (element: Element) => boolean; resolve: (element: Element | undefined) => void }[] = [];
  /** Told of every first-level element, after those who wait for one. */
  onElement: (element: Element) => void = () => undefined;
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", () => undefined);
    socket.on("close", () => this.#gone());
  }

  /** Undefined when nobody listens. */
  static async open(port: number): Promise<WireConnection | undefined> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    try {
      await once(socket, "connect");
    } catch {
      // Refused: the server is down at the moment.
      return undefined;
    }
    return new WireConnection(socket);
  }

  /** Logs in with PLAIN. @returns false when the connection ended first, or the server cannot look anybody up just now. */
  async login(name: string, domain: string, password: string): Promise<boolean> {
    if (!(await this.#header(domain))) return false;
    const response = Buffer.from(`\0${name}\0${password}`).toString("base64");
    this.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${response}</auth>`);
    const outcome = await this.next((element) => element.is("success") || element.is("failure"));
    if (!outcome) return false;
    if (outcome.is("failure") && outcome.getChild("temporary-auth-failure")) return false;
    if (outcome.is("failure")) throw new Error(`login of ${name} failed: ${outcome.toString()}`);
    return (await this.#header(domain)) !== undefined;
  }

  /** @returns false when the connection ended first. */
  async bindResource(resource: string): Promise<boolean> {
    this.write(
      `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
    );
    return (await this.next((element) => element.attrs.id === "bind")) !== undefined;
  }

  /** Binds a resource and enables stream management. @returns the id to resume with; undefined when the connection ended first. */
  async bind(resource: string): Promise<string | undefined> {
    if (!(await this.bindResource(resource))) return undefined;
    this.write(`<enable xmlns='${NS_SM}' resume='true'/>`);
    return (await this.next((element) => element.is("enabled", NS_SM)))?.attrs.id;
  }

  /** @returns what the server says it has handled; undefined when it cannot resume; false when the connection ended first. */
  async resume(previd: string, h: number): Promise<number | undefined | false> {
    this.write(`<resume xmlns='${NS_SM}' previd='${previd}' h='${h}'/>`);
    const answer = await this.next((element) => element.is("resumed", NS_SM) || element.is("failed", NS_SM));
    if (!answer) return false;
    return answer.is("resumed") ? Number(answer.attrs.h) : undefined;
  }

  write(text: string): void {
    if (!this.closed) this.#socket.write(text);
  }

  /** Bytes that wait because nobody takes them. */
  get unsent(): number {
    return this.#socket.writableLength;
  }

  /** The next element that matches; undefined when the connection ends first. */
  next(match: (element: Element) => boolean): Promise<Element | undefined> {
    if (this.closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#waiting.push({ match, resolve }));
  }

  /** Reads nothing any more, as a client whose network has gone without a word. */
  freeze(): void {
    this.#socket.pause();
  }

  drop(): void {
    this.#socket.destroy();
  }

  close(): void {
    this.#socket.end("</stream:stream>");
  }

  #header(domain: string): Promise<Element | undefined> {
    this.write(
      `<?xml version='1.0'?><stream:stream to='${domain}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`,
    );
    return this.next((element) => element.is("features"));
  }

  #read(bytes: Buffer): void {
    this.#parser ??= new StreamParser(
      {
        onHeader: () => undefined,
        onElement: (element) => this.#hear(element),
        onFooter: () => this.#socket.end(),
      },
      LIMITS,
    );
    try {
      this.#parser.write(bytes);
    } catch (error) {
      if (this.#parser !== undefined) throw error;
      // A server that ends says so on a new stream, right after it has let the client in on the old one.
      this.drop();
    }
  }

  #hear(element: Element): void {
    // RFC 6120 §6.4.6: what follows is a new stream.
    if (element.is("success")) this.#parser = undefined;
    const at = this.#waiting.findIndex(({ match }) => match(element));
    if (at >= 0) this.#waiting.splice(at, 1)[0].resolve(element);
    this.onElement(element);
  }

  #gone(): void {
    this.closed = true;
    for (const { resolve } of this.#waiting.splice(0)) resolve(undefined);
  }
}

export function message(to: string, id: string, body: string): string {
  return `<message to='${to}' id='${id}' type='chat'><body>${escapeText(body)}</body><origin-id xmlns='urn:xmpp:sid:0' id='${id}'/></message>`;
}
