import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import type { Element } from "../../../src/xml/element.js";
import { parseElement } from "../../../src/xml/parse.js";

const NS_BOSH = "http://jabber.org/protocol/httpbind";

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Element;
}

export interface PostOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** The address to come from. */
  from?: string;
}

const agent = new Agent({ keepAlive: false });

export async function post(port: number, text: string, options: PostOptions = {}): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const { headers, signal, from } = options;
    const where = { host: "127.0.0.1", port, path: "/http-bind", method: "POST", localAddress: from };
    httpRequest({ ...where, headers, signal, agent }, resolve)
      .on("error", reject)
      .end(text);
  });
  const body = (await buffer(response)).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body: parseElement(body) };
}

/** Attributes as text. */
function write(attrs: Record<string, string | number | undefined>): string {
  return Object.entries(attrs)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}='${value}'`)
    .join("");
}

/** A session whose every request is written by hand. */
export class RawBosh {
  sid: string | undefined;
  created!: Answer;
  /** Full JID, once a resource is bound. */
  jid = "";

  constructor(
    readonly port: number,
    public rid = 1000,
    /** Of every request. */
    private readonly options: PostOptions = {},
  ) {}

  static async begin(
    port: number,
    attrs: Record<string, string | number | undefined> = {},
    options: PostOptions = {},
  ): Promise<RawBosh> {
    const session = new RawBosh(port, 1000, options);
    session.created = await session.send("", {
      ...{ to: "localhost", wait: 60, hold: 1, ver: "1.6", "xml:lang": "en" },
      ...attrs,
    });
    session.sid = session.created.body.attrs.sid;
    return session;
  }

  /** Logged in by PLAIN, with a resource bound. */
  static async logIn(
    port: number,
    name: string,
    attrs: Record<string, string | number | undefined> = {},
  ): Promise<RawBosh> {
    const session = await RawBosh.begin(port, attrs);
    const message = Buffer.from(`\0${name}\0password`).toString("base64");
    await session.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${message}</auth>`);
    await session.send("", { to: "localhost", "xmpp:restart": "true", "xmlns:xmpp": "urn:xmpp:xbosh" });
    const { body } = await session.send(
      "<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    session.jid = body.getChild("iq")?.getChild("bind")?.getChildText("jid") ?? "";
    return session;
  }

  /** The text of a request. */
  text(inner: string, attrs: Record<string, string | number | undefined> = {}, rid = this.rid++): string {
    return `<body${write({ xmlns: NS_BOSH, rid, sid: this.sid, ...attrs })}>${inner}</body>`;
  }

  send(
    inner = "",
    attrs: Record<string, string | number | undefined> = {},
    options: PostOptions = {},
  ): Promise<Answer> {
    return post(this.port, this.text(inner, attrs), { ...this.options, ...options });
  }

  /** Sends a request of a certain number. */
  sendAs(rid: number, inner = "", attrs: Record<string, string | number | undefined> = {}): Promise<Answer> {
    return post(this.port, this.text(inner, attrs, rid));
  }
}

export const ping = (id: string) =>
  `<iq xmlns='jabber:client' type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`;
