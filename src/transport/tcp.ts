import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Receipt } from "../session/session.js";
import { type Attrs, type Element, openingTag } from "../xml/element.js";
import { type ParserHandler, type ParserLimits, StreamParser } from "../xml/parser.js";
import { sparesFor } from "../xml/spare-parsers.js";
import { StreamError } from "../xmpp/errors.js";
import type { Connection, ConnectionHandler, TlsFacts } from "./connection.js";
import { flushSoon } from "./outbox.js";
import type { TlsSettings } from "./tls.js";

export interface TcpOptions {
  limits: ParserLimits;
  /** Bytes that may wait for a slow reader. */
  sendBuffer: number;
  /** ms to wait for the other side to close. */
  closeTimeout: number;
  /** ms of silence after which the connection is given up; 0 = never. */
  idleTimeout: number;
  /** ms of silence after which the operating system probes the other side; 0 = never. */
  keepAlive: number;
  tls: TlsSettings;
}

/** Framing of XMPP over TCP: RFC 6120 §3 and §4. */
export class TcpConnection implements Connection, ParserHandler {
  readonly transport = "tcp";
  readonly plainLocal = false;
  readonly remoteAddress: string;
  handler!: ConnectionHandler;
  #socket: Socket;
  #parser: StreamParser | undefined;
  /** The parser that read last. Once the stream restarted, what its forerunner still had to say does not count. */
  #reading: StreamParser | undefined;
  /** What a parser has to know of the stream, while there is none because no stanza is under way. */
  #resting: string | undefined;
  #limits: ParserLimits;
  readonly #options: TcpOptions;
  #out = "";
  #receipts: Receipt[] = [];
  /** Receipts of bytes on their way to the network. */
  #sent: Receipt[][] = [];
  /** Bytes that were added at once when the reader was last within the bound. */
  #burst = 0;
  #state: "open" | "ending" | "gone" = "open";
  /** The header went out: the footer is owed. */
  #footerOwed = false;
  /** What arrives is not read any more: TLS is about to start, or the stream is broken. */
  #deaf = false;
  #cut: NodeJS.Timeout | undefined;
  #goneReason = "closed by the client";

  /** @param direct TLS from the first byte, XEP-0368. */
  constructor(socket: Socket, options: TcpOptions, direct = false) {
    this.#options = options;
    this.#limits = options.limits;
    this.remoteAddress = socket.remoteAddress ?? "unknown";
    if (options.keepAlive > 0) socket.setKeepAlive(true, options.keepAlive);
    this.#socket = direct ? options.tls.wrap(socket, undefined) : socket;
    this.#listen(this.#socket);
  }

  get secure(): boolean {
    return this.#socket instanceof TLSSocket;
  }

  get canStartTls(): boolean {
    return !this.secure;
  }

  get queued(): number {
    return this.#socket.writableLength + this.#out.length;
  }

  tlsFacts(): TlsFacts | undefined {
    const socket = this.#socket;
    return socket instanceof TLSSocket ? this.#options.tls.facts(socket) : undefined;
  }

  setLimits(limits: ParserLimits): void {
    this.#limits = limits;
  }

  restart(): void {
    this.#parser = undefined;
    this.#resting = undefined;
  }

  writeHeader(attrs: Attrs): void {
    this.#footerOwed = true;
    const all = { xmlns: "jabber:client", "xmlns:stream": "http://etherx.jabber.org/streams", ...attrs };
    this.write(`<?xml version='1.0'?>${openingTag("stream:stream", all)}>`);
  }

  write(text: string, receipt?: Receipt): void {
    if (this.#state !== "open") {
      receipt?.failed();
      return;
    }
    if (this.#out === "" && this.#receipts.length === 0) flushSoon(this);
    this.#out += text;
    if (receipt) this.#receipts.push(receipt);
  }

  flush(): void {
    if (this.#out === "" || this.#state === "gone") return;
    const text = this.#out;
    this.#out = "";
    const behind = this.#socket.writableLength;
    if (this.#receipts.length === 0) {
      this.#socket.write(text);
    } else {
      this.#sent.push(this.#receipts);
      this.#receipts = [];
      this.#socket.write(text, (error) => this.#written(error));
    }
    this.#bound(behind);
  }

  /**
   * A reader that falls behind by more than the bound is cut, so that it costs nobody else memory. What is much by itself
   * (a large stanza, all that a session resumed with) is no fault of the reader's: it may be under way on top of that.
   * @param behind bytes that waited before the last were added
   */
  #bound(behind: number): void {
    const { sendBuffer } = this.#options;
    const waiting = this.#socket.writableLength;
    if (behind <= sendBuffer) this.#burst = waiting - behind;
    if (waiting > sendBuffer + this.#burst) this.#give("reads too slowly");
  }

  startTls(domain: string): void {
    this.flush();
    if (this.#state !== "open") return;
    // RFC 6120 §5.4.3.3: what was pipelined behind <starttls/> is not trusted; it has been read and is thrown away.
    this.restart();
    this.#deaf = false;
    this.#footerOwed = false;
    const plain = this.#socket;
    plain.setTimeout(0);
    this.#socket = this.#options.tls.wrap(plain, domain);
    this.#listen(this.#socket);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (this.#state === "open") this.#socket.resume();
  }

  end(): void {
    if (this.#state !== "open") return;
    if (this.#footerOwed) this.write("</stream:stream>");
    this.flush();
    if ((this.#state as string) === "gone") return;
    this.#state = "ending";
    this.#goneReason = "closed by the server";
    this.#socket.end();
    // Whoever does not close his side in time is cut: RFC 6120 §4.4.
    this.#cut = setTimeout(() => this.destroy(), this.#options.closeTimeout);
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  onHeader(header: Element): void {
    if (this.#heeds) this.handler.onHeader(header);
  }

  onElement(element: Element, inner: string | undefined): void {
    if (this.#heeds) this.handler.onElement(element, inner);
  }

  onFooter(): void {
    if (this.#heeds) this.handler.onFooter();
  }

  get #heeds(): boolean {
    return !this.#deaf && this.#reading === this.#parser;
  }

  /** The listeners stay on a socket that TLS was put around, where others have theirs, but are not about it any more. */
  #listen(socket: Socket): void {
    socket.on("data", (bytes: Buffer) => {
      if (socket === this.#socket) this.#read(bytes);
    });
    socket.on("error", (error) => {
      if (socket === this.#socket) this.#goneReason = error.message;
    });
    socket.on("close", () => {
      if (socket === this.#socket) this.#gone();
    });
    if (this.#options.idleTimeout > 0) {
      socket.setTimeout(this.#options.idleTimeout);
      socket.on("timeout", () => this.handler.onError(new StreamError("connection-timeout")));
    }
  }

  #read(bytes: Buffer): void {
    if (this.#deaf || this.#state !== "open") return;
    try {
      const parser = this.#takeParser();
      parser.write(bytes);
      if (parser === this.#parser) this.#giveBack(parser);
    } catch (error) {
      if (this.#reading !== this.#parser) return;
      this.#deaf = true;
      if (!(error instanceof StreamError)) throw error;
      this.handler.onError(error);
    }
  }

  #takeParser(): StreamParser {
    if (this.#resting === undefined) this.#parser ??= new StreamParser(this, this.#limits);
    else this.#parser = sparesFor(this.#limits).take(this.#resting, this);
    this.#resting = undefined;
    this.#reading = this.#parser;
    return this.#parser;
  }

  #giveBack(parser: StreamParser): void {
    const header = parser.rest();
    if (header === undefined) return;
    this.#resting = header;
    this.#parser = undefined;
    this.#reading = undefined;
    sparesFor(parser.limits).giveBack(header, parser);
  }

  #written(error: Error | null | undefined): void {
    // A write that was under way when the connection was cut comes back without an error, though not all of it went out.
    // Who is told so late that it failed hears it when the connection is gone, in order with all the others.
    if (error || this.#socket.destroyed) return;
    for (const receipt of this.#sent.shift() ?? []) receipt.delivered();
  }

  #give(reason: string): void {
    this.#goneReason = reason;
    this.#socket.destroy();
  }

  #gone(): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    clearTimeout(this.#cut);
    const lost = [...this.#sent.flat(), ...this.#receipts];
    this.#sent = [];
    this.#receipts = [];
    this.#out = "";
    this.handler.onGone(this.#goneReason);
    for (const receipt of lost) receipt.failed();
  }
}
