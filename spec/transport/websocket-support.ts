import { once } from "node:events";
import { type ClientOptions, WebSocket } from "ws";
import type { Element } from "../../src/xml/element.js";
import { parseElement } from "../../src/xml/parse.js";

export const OPEN = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='localhost' version='1.0'/>";

/** A WebSocket that keeps what came until it is asked for. */
export class RawWebSocket {
  readonly #came: string[] = [];
  #arrived: (() => void) | undefined;
  readonly closed: Promise<number>;

  private constructor(readonly ws: WebSocket) {
    ws.on("message", (data) => {
      this.#came.push(data.toString());
      this.#arrived?.();
    });
    ws.on("error", () => undefined);
    this.closed = once(ws, "close").then(([code]) => code as number);
  }

  static async connect(port: number, headers: Record<string, string> = {}): Promise<RawWebSocket> {
    return RawWebSocket.to(`ws://127.0.0.1:${port}/ws`, { headers });
  }

  /** @throws when it is refused. */
  static async to(address: string, options: ClientOptions): Promise<RawWebSocket> {
    const ws = new WebSocket(address, "xmpp", options);
    const raw = new RawWebSocket(ws);
    await once(ws, "open");
    return raw;
  }

  /** Connects and opens a stream; its header and features are taken. */
  static async open(port: number, headers: Record<string, string> = {}): Promise<RawWebSocket> {
    const raw = await RawWebSocket.connect(port, headers);
    raw.ws.send(OPEN);
    await raw.next();
    return raw;
  }

  /** As above, and logged in by PLAIN with a resource bound. */
  static async logIn(port: number, name: string, password: string): Promise<RawWebSocket> {
    const raw = await RawWebSocket.open(port);
    await raw.next();
    const message = Buffer.from(`\0${name}\0${password}`).toString("base64");
    await raw.ask(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>`);
    await raw.ask(OPEN);
    await raw.next();
    await raw.ask(
      "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    return raw;
  }

  async next(): Promise<Element> {
    if (this.#came.length === 0) {
      await new Promise<void>((resolve, reject) => {
        this.#arrived = resolve;
        void this.closed.then((code) => reject(new Error(`closed with ${code}`)));
      });
    }
    return parseElement(this.#came.shift() as string);
  }

  ask(text: string | Buffer): Promise<Element> {
    this.ws.send(text);
    return this.next();
  }
}
