import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { Receipt } from "../session/session.js";
import { type Attrs, type Element, serialize, xml } from "../xml/element.js";
import type { ParserLimits } from "../xml/parser.js";
import { sparesFor } from "../xml/spare-parsers.js";
import { StreamError } from "../xmpp/errors.js";
import type { Connection, ConnectionHandler, TlsFacts } from "./connection.js";
import { NS_FRAMING, streamHeader } from "./framing.js";
import type { HttpPeer } from "./http-peer.js";
import { flushSoon } from "./outbox.js";
import type { TlsSettings } from "./tls.js";

export interface WebSocketOptions {
  limits: ParserLimits;
  /** Bytes that may wait for a slow reader. */
  sendBuffer: number;
  /** ms to wait for the other side to close. */
  closeTimeout: number;
  /** ms of silence after which the connection is given up; 0 = never. */
  idleTimeout: number;
  tls: TlsSettings;
}

/** RFC 6455 §7.4.1 */
const CLOSE = { normal: 1000, unacceptable: 1003, badText: 1007, tooLarge: 1009 } as const;

/** ms for the other side's `<close/>`; a client may just as well begin with the end of the WebSocket. */
const PATIENCE = 1000;
/** RFC 6455 §5.2: bytes of a client's frame of up to 125 bytes, as those of pings are, besides what is in it. */
const FRAME = 6;

/** XMPP over WebSocket: RFC 7395. Every first-level element is a message of its own. */
export class WebSocketConnection implements Connection {
  readonly transport = "websocket";
  readonly canStartTls = false;
  readonly remoteAddress: string;
  readonly secure: boolean;
  readonly plainLocal: boolean;
  handler!: ConnectionHandler;
  #limits: ParserLimits;
  #out: string[] = [];
  #outSize = 0;
  #receipts: Receipt[] = [];
  /** Receipts of messages on their way to the network. */
  #sent: Receipt[][] = [];
  #state: "open" | "ending" | "gone" = "open";
  /** `<open/>` went out: `<close/>` is owed. */
  #closeOwed = false;
  /** `<close/>` came. */
  #closeCame = false;
  /** What arrives is not read any more. */
  #deaf = false;
  /** Bytes of a message that is not whole yet, or a little less. */
  #partial = 0;
  #whole = false;
  #paused = false;
  #readBefore = 0;
  #pinged = false;
  #code: number = CLOSE.normal;
  #cut: NodeJS.Timeout | undefined;
  #goneReason = "closed by the client";

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Socket,
    private readonly peer: HttpPeer,
    private readonly options: WebSocketOptions,
  ) {
    this.#limits = options.limits;
    this.remoteAddress = peer.address;
    this.secure = peer.secure;
    this.plainLocal = peer.plainLocal;
    ws.on("message", (data, isBinary) => this.#read(data as Buffer, isBinary));
    for (const control of ["ping", "pong"] as const) ws.on(control, ({ length }) => this.#pass(length));
    ws.on("error", (error) => {
      this.#goneReason = error.message;
      // The client was told why, and is waited for no longer than elsewhere.
      this.#cut ??= setTimeout(() => this.destroy(), options.closeTimeout);
    });
    ws.on("close", () => this.#gone());
    // After the listener of ws, which has dealt with all messages in the chunk when this one comes.
    socket.on("data", (chunk: Buffer) => this.#watch(chunk.length));
    if (options.idleTimeout > 0) {
      socket.setTimeout(options.idleTimeout);
      socket.on("timeout", () => this.handler.onError(new StreamError("connection-timeout")));
    }
  }

  get queued(): number {
    return this.socket.writableLength + this.#outSize;
  }

  tlsFacts(): TlsFacts | undefined {
    return this.peer.tls && this.options.tls.facts(this.peer.tls);
  }

  setLimits(limits: ParserLimits): void {
    this.#limits = limits;
  }

  restart(): void {
    // Each message is read by itself.
  }

  /** RFC 7395 §3.4 */
  writeHeader(attrs: Attrs): void {
    this.#closeOwed = true;
    this.write(serialize(xml("open", { xmlns: NS_FRAMING, ...attrs })));
  }

  write(text: string, receipt?: Receipt): void {
    if (this.#state !== "open") {
      receipt?.failed();
      return;
    }
    if (this.#out.length === 0) flushSoon(this);
    this.#out.push(text);
    this.#outSize += text.length;
    if (receipt) this.#receipts.push(receipt);
  }

  flush(): void {
    if (this.#out.length === 0 || this.#state === "gone") return;
    const messages = this.#out;
    this.#out = [];
    this.#outSize = 0;
    const last = messages.pop() as string;
    this.socket.cork();
    for (const message of messages) this.ws.send(message);
    if (this.#receipts.length === 0) {
      this.ws.send(last);
    } else {
      this.#sent.push(this.#receipts);
      this.#receipts = [];
      this.ws.send(last, (error) => this.#written(error));
    }
    this.socket.uncork();
    // A reader that falls behind by more than the bound is cut, so that it costs nobody else memory.
    if (this.socket.writableLength > this.options.sendBuffer) this.#give("reads too slowly");
  }

  /** RFC 7395 §3.9: TLS is below, or nowhere. */
  startTls(): void {
    throw new Error("there is no STARTTLS over WebSocket");
  }

  pause(): void {
    this.#paused = true;
    this.ws.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#state === "open") this.ws.resume();
  }

  /** RFC 7395 §3.6: `<close/>` on both sides, then the closing handshake of WebSocket. */
  end(): void {
    if (this.#state !== "open") return;
    if (this.#closeOwed) this.write(serialize(xml("close", { xmlns: NS_FRAMING })));
    this.flush();
    if ((this.#state as string) === "gone") return;
    this.#state = "ending";
    this.#goneReason = "closed by the server";
    if (!this.#closeOwed || this.#closeCame || this.#deaf) this.#shut();
    else this.#cut = setTimeout(() => this.#shut(), Math.min(PATIENCE, this.options.closeTimeout));
    this.ws.resume();
  }

  /** Nothing more is to be said. */
  #shut(): void {
    clearTimeout(this.#cut);
    this.ws.close(this.#code);
    this.#cut = setTimeout(() => this.destroy(), this.options.closeTimeout);
    if (this.#code === CLOSE.tooLarge) this.#discard();
  }

  destroy(): void {
    this.ws.terminate();
  }

  /** Called at intervals. RFC 7395 §3.8, RFC 6455 §5.5.2: who is silent for one is asked, who stays silent for another is gone. */
  checkAlive(): void {
    if (this.#state !== "open" || this.#paused) return;
    const { bytesRead } = this.socket;
    if (bytesRead !== this.#readBefore) {
      this.#readBefore = bytesRead;
      this.#pinged = false;
    } else if (this.#pinged) {
      this.#give("does not answer pings");
    } else {
      this.#pinged = true;
      this.ws.ping();
    }
  }

  #read(data: Buffer, isBinary: boolean): void {
    this.#whole = true;
    if (this.#deaf) return;
    try {
      if (isBinary) throw new StreamError("bad-format", "XMPP messages are text");
      const spares = sparesFor(this.#limits);
      const parser = spares.takeFrames();
      const element = parser.read(data);
      const { inner } = parser;
      spares.giveBackFrames(parser);
      if (this.#state === "open") this.#take(element, inner);
      else if (element.is("close", NS_FRAMING)) this.#shut();
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#break(error, isBinary ? CLOSE.unacceptable : codeFor(error));
    }
  }

  #take(element: Element, inner: string | undefined): void {
    if (element.is("open", NS_FRAMING)) this.handler.onHeader(streamHeader(element.attrs));
    else if (element.is("close", NS_FRAMING)) this.#footer();
    // RFC 7395 §3.3.3: complete with all namespaces; nothing around it could have declared them.
    else if (element.getNS() === undefined) throw new StreamError("invalid-namespace");
    else this.handler.onElement(element, inner);
  }

  #footer(): void {
    this.#closeCame = true;
    this.handler.onFooter();
  }

  /** A ping may come in the middle of a message, and is no part of it: RFC 6455 §5.4. */
  #pass(length: number): void {
    this.#partial -= length + FRAME;
  }

  /** A message that is too large is refused before it is whole, and before it has filled the memory. */
  #watch(length: number): void {
    this.#partial = this.#whole ? 0 : Math.max(0, this.#partial + length);
    this.#whole = false;
    if (this.#partial <= this.#limits.maxBytes || this.#deaf) return;
    this.#break(new StreamError("policy-violation", "stanza larger than allowed"), CLOSE.tooLarge);
  }

  #break(error: StreamError, code: number): void {
    this.#deaf = true;
    this.#code = code;
    // When the stream is over nobody is told of it any more.
    if (this.#state === "open") this.handler.onError(error);
    else this.destroy();
  }

  /** The rest of a message that is too large is read, so that the client comes to read why, and thrown away. */
  #discard(): void {
    this.socket.removeAllListeners("data");
    this.socket.on("data", () => undefined);
    this.socket.end();
  }

  #written(error: Error | null | undefined): void {
    const receipts = this.#sent.shift();
    if (receipts === undefined) return;
    for (const receipt of receipts) {
      if (error) receipt.failed();
      else receipt.delivered();
    }
  }

  #give(reason: string): void {
    this.#goneReason = reason;
    this.ws.terminate();
  }

  #gone(): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    clearTimeout(this.#cut);
    const lost = [...this.#sent.flat(), ...this.#receipts];
    this.#sent = [];
    this.#receipts = [];
    this.#out = [];
    this.#outSize = 0;
    this.handler.onGone(this.#goneReason);
    for (const receipt of lost) receipt.failed();
  }
}

function codeFor({ condition }: StreamError): number {
  // RFC 6455 §8.1
  if (condition === "unsupported-encoding") return CLOSE.badText;
  return CLOSE.normal;
}
