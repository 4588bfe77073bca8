import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { within } from "./sluice-process.js";

export interface Person {
  name: string;
  domain?: string;
  password?: string;
  resource?: string;
}

/** A client that shows all that came over its connection as text, as an admin with `openssl s_client` would see it. */
export class RawClient {
  /** All that came. */
  text = "";
  closed = false;
  #socket: Socket;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      this.text += text;
      this.#answerPings();
      this.#look();
    });
    // "close" follows, which is what is waited for.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#look();
    });
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    await settled(socket, "connect");
    return new RawClient(socket);
  }

  /** Direct TLS. @param servername for SNI. */
  static async openTls(port: number, servername: string): Promise<RawClient> {
    const socket = connectTls({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
    await settled(socket, "secureConnect");
    return new RawClient(socket);
  }

  /** Opens, logs in and binds. @throws with what came instead. */
  static async online(port: number, person: Person): Promise<RawClient> {
    const client = await RawClient.open(port);
    await client.enter(person);
    return client;
  }

  async enter(person: Person): Promise<void> {
    if (!(await this.logIn(person))) throw new Error(`${person.name} cannot log in:\n${this.text}`);
    await this.bind(person);
  }

  /** @returns whether the password was taken. */
  async logIn({ name, domain = "localhost", password = "secret" }: Person): Promise<boolean> {
    await this.#header(domain);
    const response = Buffer.from(`\0${name}\0${password}`).toString("base64");
    this.write(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${response}</auth>`);
    const [outcome] = await this.receives(/<success|<failure/);
    if (outcome === "<failure") return false;
    await this.#header(domain);
    return true;
  }

  async bind({ resource = "spec" }: Person): Promise<void> {
    const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind>`;
    this.write(`<iq type='set' id='bind'>${bind}</iq><presence/>`);
    await this.receives(/<jid>|type="error"/);
  }

  /** A ping and its answer: all that was sent before has been dealt with. */
  async ping(id: string): Promise<void> {
    this.write(`<iq type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`);
    await this.receives(new RegExp(`<iq[^>]*id=["']${id}["']`));
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  /** What the pattern finds in all that came or still comes. */
  receives(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#wait(`${pattern}`, () => pattern.exec(this.text) ?? undefined);
  }

  /** Resolves when the server has ended its side, too. */
  async gone(): Promise<void> {
    await this.#wait("the end", () => this.closed || undefined);
  }

  /** Ends without a word. */
  drop(): void {
    this.#socket.destroy();
  }

  /** As every client does, so that it is given all that waited for it. */
  #answerPings(): void {
    for (;;) {
      const ping = /<iq ([^>]*)>\s*<ping xmlns=["']urn:xmpp:ping["']\/><\/iq>/.exec(this.text);
      const id = ping && / id=["']([^"']*)["']/.exec(` ${ping[1]}`);
      if (!ping || !id || !/type=["']get["']/.test(ping[1])) return;
      this.text = this.text.slice(0, ping.index) + this.text.slice(ping.index + ping[0].length);
      this.write(`<iq type='result' id='${id[1]}'/>`);
    }
  }

  /** Forgets what came. */
  async #header(domain: string): Promise<void> {
    this.text = "";
    this.write(
      `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
    );
    await this.receives(/<\/stream:features>/);
  }

  #wait<T>(what: string, look: () => T | undefined): Promise<T> {
    let listener = () => undefined as void;
    const found = new Promise<T>((resolve, reject) => {
      listener = () => {
        const result = look();
        if (result !== undefined) resolve(result);
        else if (this.closed) reject(new Error(`closed before ${what} came:\n${this.text}`));
      };
      this.#waiting.add(listener);
      listener();
    });
    return within(found, () => `${what} did not come:\n${this.text}`).finally(() =>
      this.#waiting.delete(listener),
    );
  }

  #look(): void {
    for (const listener of this.#waiting) listener();
  }
}

/** The SHA-256 fingerprint of the certificate that a direct TLS port shows. @param servername for SNI. */
export async function shownFingerprint(port: number, servername: string): Promise<string> {
  const socket = connectTls({ port, host: "127.0.0.1", servername, rejectUnauthorized: false });
  await settled(socket, "secureConnect");
  const { fingerprint256 } = (socket as TLSSocket).getPeerCertificate();
  socket.destroy();
  return fingerprint256;
}

function settled(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  return within(
    new Promise<void>((resolve, reject) => socket.once(event, resolve).once("error", reject)),
    () => `no ${event}`,
  );
}
