import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, TLSSocket } from "node:tls";
import { type Element, escapeText } from "../../src/xml/element.js";
import { StreamParser } from "../../src/xml/parser.js";
import { StreamError } from "../../src/xmpp/errors.js";
import { auth, NS_SASL, type ScramLogin, scram } from "./scram.js";

export { auth, NS_SASL } from "./scram.js";

export const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";
export const NS_SM = "urn:xmpp:sm:3";
const NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind";
const LIMITS = { maxBytes: 64 * 1024 ** 2, maxDepth: 100, maxAttributes: 100 };
/** ms after which a specification fails with a word about what it waited for. */
const DEADLINE = 10_000;

type Match = (element: Element) => boolean;

/**
 * One connection of a client that does nothing by itself: it does not answer, does not close, and sends what it is told,
 * right or wrong. Every wait is for something that arrives, or for the end of the connection.
 */
export class RawClient {
  #socket: Socket;
  #parser: StreamParser | undefined;
  #waiting: { match: Match; resolve: (element: Element) => void; reject: (error: Error) => void }[] = [];
  /** First-level elements that nobody has taken yet. */
  readonly mailbox: Element[] = [];
  /** The server's stream headers, in order. */
  readonly headers: Element[] = [];
  /** Told of every first-level element as it arrives. */
  onElement: (element: Element) => void = () => undefined;
  /** As every client does. */
  answersPings = true;
  /** The server closed its stream with a footer. */
  footer = false;
  /** How the connection broke, if it did. */
  error: NodeJS.ErrnoException | undefined;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  #isClosed = false;
  #gone!: () => void;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      this.#gone = resolve;
    });
    this.#listen(socket);
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new RawClient(socket);
  }

  /** TLS from the first byte. Rejects when the handshake fails. */
  static async openTls(port: number, options: ConnectionOptions = {}): Promise<RawClient> {
    const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
    await once(socket, "secureConnect");
    return new RawClient(socket);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get socket(): Socket {
    return this.#socket;
  }

  get tls(): TLSSocket {
    if (!(this.#socket instanceof TLSSocket)) throw new Error("no TLS");
    return this.#socket;
  }

  write(data: string | Uint8Array): void {
    if (!this.#isClosed) this.#socket.write(data);
  }

  /** Resolves when the operating system has taken it. */
  writeAll(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.#socket.write(data, () => resolve()));
  }

  /** The first element that matches, of those that came or will come; those before it stay. */
  next(match: Match = () => true): Promise<Element> {
    const at = this.mailbox.findIndex(match);
    if (at >= 0) return Promise.resolve(this.mailbox.splice(at, 1)[0]);
    if (this.#isClosed) return Promise.reject(new Error(`the connection is closed; waited for ${match}`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came for ${match}`)), DEADLINE);
      const waiting = {
        match,
        resolve: (element: Element) => {
          clearTimeout(timer);
          resolve(element);
        },
        reject: (error: Error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#waiting.push(waiting);
    });
  }

  named(name: string): Promise<Element> {
    return this.next((element) => element.getName() === name);
  }

  withId(id: string): Promise<Element> {
    return this.next((element) => element.attrs.id === id);
  }

  /** The condition of the stream error that the server ends the stream with. */
  async streamError(): Promise<string> {
    return conditionOf(await this.next((element) => element.name === "stream:error"));
  }

  /** Begins a stream and takes the features. */
  async header(domain: string, attrs = ""): Promise<Element> {
    this.restart();
    this.write(header(domain, attrs));
    return this.named("features");
  }

  /** What comes now begins with a header of its own. */
  restart(): void {
    this.#parser = undefined;
  }

  /** `<starttls/>`, the handshake, and a fresh stream. Rejects when the handshake fails. @returns the features */
  async startTls(domain: string, options: ConnectionOptions = {}): Promise<Element> {
    this.write(`<starttls xmlns='${NS_TLS}'/>`);
    await this.named("proceed");
    await this.handshake({ servername: domain, ...options });
    return this.header(domain);
  }

  /** The handshake, after `<proceed/>`. */
  async handshake(options: ConnectionOptions = {}): Promise<void> {
    const plain = this.#socket;
    plain.removeAllListeners();
    plain.on("error", () => undefined);
    const secure = connectTls({ socket: plain, rejectUnauthorized: false, ...options });
    this.#socket = secure;
    this.#listen(secure);
    await once(secure, "secureConnect");
  }

  /** A login without channel binding where the server allows it. @returns the features of the bound stream */
  async login(name: string, domain: string, password: string): Promise<Element> {
    await this.header(domain);
    return this.plain(name, domain, password);
  }

  /** PLAIN on a stream that has begun. */
  async plain(name: string, domain: string, password: string): Promise<Element> {
    this.write(auth("PLAIN", Buffer.from(`\0${name}\0${password}`)));
    const outcome = await this.next((element) => element.getNS() === NS_SASL);
    if (!outcome.is("success")) throw new Error(outcome.toString());
    return this.header(domain);
  }

  /**
   * A login with SCRAM on a stream that has begun.
   * @returns the outcome, `<success/>` or `<failure/>`; the server's signature is checked.
   */
  scram(mechanism: string, login: ScramLogin): Promise<Element> {
    return scram(this, mechanism, login);
  }

  /** @returns the full JID */
  async bind(resource?: string): Promise<string> {
    const wanted = resource === undefined ? "" : `<resource>${resource}</resource>`;
    this.write(`<iq type='set' id='bind'><bind xmlns='${NS_BIND}'>${wanted}</bind></iq>`);
    const answer = await this.withId("bind");
    const jid = answer.getChild("bind")?.getChildText("jid");
    if (!jid) throw new Error(answer.toString());
    return jid;
  }

  /** Enables stream management. @returns the id to resume with */
  async enable(): Promise<string> {
    this.write(`<enable xmlns='${NS_SM}' resume='true'/>`);
    return (await this.named("enabled")).attrs.id;
  }

  /** @returns `<resumed/>` or `<failed/>` */
  async resume(previd: string, h: number): Promise<Element> {
    this.write(`<resume xmlns='${NS_SM}' previd='${previd}' h='${h}'/>`);
    return this.next((element) => element.is("resumed") || element.is("failed"));
  }

  /** A round trip: what was sent before has been dealt with, and what it caused here has arrived. */
  async ping(): Promise<void> {
    const id = randomBytes(6).toString("hex");
    this.write(`<iq type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await this.withId(id);
  }

  /** Reads nothing any more. */
  freeze(): void {
    this.#socket.pause();
  }

  thaw(): void {
    this.#socket.resume();
  }

  /** FIN, without a footer. */
  fin(): void {
    this.#socket.end();
  }

  /** The connection is reset. */
  async reset(): Promise<void> {
    this.#socket.resetAndDestroy();
    await this.closed;
  }

  async drop(): Promise<void> {
    this.#socket.destroy();
    await this.closed;
  }

  /** Footer, and waits for the server to end its side. */
  async close(): Promise<void> {
    this.write("</stream:stream>");
    this.thaw();
    await this.closed;
  }

  #listen(socket: Socket): void {
    socket.on("data", (bytes: Buffer) => this.#read(bytes));
    socket.on("error", (error) => {
      this.error = error;
    });
    socket.on("close", () => this.#ended());
  }

  #read(bytes: Buffer): void {
    this.#parser ??= new StreamParser(
      {
        onHeader: (element) => this.headers.push(element),
        onElement: (element) => this.#hear(element),
        onFooter: () => {
          this.footer = true;
        },
      },
      LIMITS,
    );
    try {
      this.#parser.write(bytes);
    } catch (error) {
      // It may be no XML at all: an alert of TLS, say.
      if (!(error instanceof StreamError)) throw error;
      this.#parser = undefined;
    }
  }

  #hear(element: Element): void {
    this.onElement(element);
    if (this.answersPings && isPing(element)) {
      this.write(`<iq type='result' id='${element.attrs.id}' to='${element.attrs.from}'/>`);
      return;
    }
    const at = this.#waiting.findIndex(({ match }) => match(element));
    if (at >= 0) this.#waiting.splice(at, 1)[0].resolve(element);
    else this.mailbox.push(element);
  }

  #ended(): void {
    this.#isClosed = true;
    const came = this.mailbox.map(String).join("");
    for (const { match, reject } of this.#waiting.splice(0))
      reject(new Error(`the connection ended; waited for ${match}, got ${came}`));
    this.#gone();
  }
}

function isPing(element: Element): boolean {
  return element.is("iq") && element.attrs.type === "get" && element.getChild("ping") !== undefined;
}

export function header(domain: string, attrs = ""): string {
  return `<?xml version='1.0'?><stream:stream to='${domain}' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' ${attrs}>`;
}

export function chat(to: string, id: string, body = id): string {
  return `<message to='${to}' id='${id}' type='chat'><body>${escapeText(body)}</body></message>`;
}

/** The first child's name: the defined condition of a stream error, stanza error or SASL failure. */
export function conditionOf(element: Element): string {
  return element.getChildElements()[0]?.getName() ?? "";
}

export function mechanismsOf(features: Element): string[] {
  const list = features.getChild("mechanisms", NS_SASL)?.getChildren("mechanism") ?? [];
  return list.map((mechanism) => mechanism.getText());
}

/** So many connections with a stream at the same time, once the server lets them in: it may still be seeing others off. */
export async function takePlaces(port: number, domain: string, count: number): Promise<RawClient[]> {
  const all: RawClient[] = [];
  const deadline = Date.now() + DEADLINE;
  while (all.length < count) {
    const client = await RawClient.open(port);
    client.write(header(domain));
    if (await client.named("features").catch(() => undefined)) all.push(client);
    else if (Date.now() > deadline) throw new Error(`only ${all.length} of ${count} were let in`);
  }
  return all;
}

/** Lets everything that is under way in this process go on until `done`; fails when it never is. */
export async function until(done: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + DEADLINE;
  while (!done()) {
    if (Date.now() > deadline) throw new Error(`it never came that ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
