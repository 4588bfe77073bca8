import type { Receipt } from "../../session/session.js";
import type { Attrs } from "../../xml/element.js";
import type { ParserLimits } from "../../xml/parser.js";
import type { Connection, ConnectionHandler } from "../connection.js";
import type { HttpPeer } from "../http-peer.js";
import { flushSoon } from "../outbox.js";
import { bodyText, RECOVERABLE, type Reply, statusOf, terminalText } from "./answer.js";
import { Answering, acknowledgedBy } from "./answering.js";
import type { BoshCondition } from "./condition.js";
import { creationAttrs, headerOf } from "./creation.js";
import { KeySequence } from "./keys.js";
import { Outgoing } from "./outgoing.js";
import { Pace } from "./pace.js";
import type { BoshRequest } from "./request.js";
import { RidWindow } from "./rid-window.js";
import { endingCondition } from "./stream-error.js";
import type { BoshTerms } from "./terms.js";

export interface BoshSessionOptions {
  /** Caps on stanzas before login. */
  limits: ParserLimits;
  /** Bytes that may wait for a client that does not fetch them. */
  sendBuffer: number;
  /** ms that the last word waits to be fetched. */
  closeTimeout: number;
}

/** How often one request may be repeated: §14.3. */
const REPEATS = 10;

/** A client's session over any number of HTTP requests: XEP-0124. Where a comment says only "§", it means that. */
export class BoshSession implements Connection {
  readonly transport = "bosh";
  readonly canStartTls = false;
  readonly remoteAddress: string;
  readonly secure: boolean;
  readonly plainLocal: boolean;
  handler!: ConnectionHandler;
  limits: ParserLimits;
  loggedIn = false;
  readonly #keys: KeySequence;
  readonly #pace: Pace;
  readonly #window: RidWindow;
  readonly #answering: Answering;
  readonly #out = new Outgoing();
  #repeats = 0;
  #paused = false;
  #state: "open" | "ending" | "gone" = "open";
  /** The last word. */
  #last: { text: string; receipts: Receipt[] } | undefined;
  #clientLeaves = false;
  #silence: NodeJS.Timeout | undefined;

  constructor(
    readonly sid: string,
    request: BoshRequest,
    readonly peer: HttpPeer,
    readonly terms: BoshTerms,
    private readonly options: BoshSessionOptions,
    private readonly onEnded: (session: BoshSession) => void,
  ) {
    this.remoteAddress = peer.address;
    this.secure = peer.secure;
    this.plainLocal = peer.plainLocal;
    this.limits = options.limits;
    this.#keys = new KeySequence(request.attribute("newkey"));
    this.#pace = new Pace(terms);
    this.#window = new RidWindow(request.rid, terms.requests);
    this.#answering = new Answering(terms, creationAttrs(sid, request, terms), {
      timeIsUp: (rid) => this.#answerUpTo(rid),
      nobodyWaits: () => this.#wait(terms.inactivity),
    });
  }

  get queued(): number {
    return this.#out.size;
  }

  get isOver(): boolean {
    return this.#state === "gone";
  }

  /** The first request of the session. */
  begin(request: BoshRequest, reply: Reply): void {
    this.#answering.hold(request, reply);
    this.handler.onHeader(headerOf(request));
    if (this.terms.hold === 0) flushSoon(this);
  }

  /** A further request, known to be the client's by address and sid. */
  receive(request: BoshRequest, reply: Reply): void {
    if (this.#window.hasPassed(request)) {
      this.#repeat(request, reply);
    } else if (this.#window.reaches(request)) {
      this.#window.add({ request, reply })?.send(200, this.terms.contentType, RECOVERABLE);
      this.#advance();
    } else {
      this.fail("item-not-found", reply);
    }
  }

  /** The client broke the rules, or the way to it is broken. @param reply to whom it is told first. */
  fail(condition: BoshCondition, reply?: Reply): void {
    if (this.#state === "gone") {
      reply?.send(statusOf(condition, this.terms.legacy), this.terms.contentType, terminalText(condition));
      return;
    }
    const status = statusOf(condition, this.terms.legacy);
    reply?.send(status, this.terms.contentType, terminalText(condition));
    // §17.2
    this.#dismiss(reply ? "other-request" : condition);
    this.#gone(condition, false);
  }

  // What the stream asks of its connection.

  tlsFacts(): undefined {
    // Requests come over any number of connections; no channel binding holds for all.
    return undefined;
  }

  /** There are others once the client has logged in. */
  setLimits(limits: ParserLimits): void {
    this.limits = limits;
    this.loggedIn = true;
  }

  /** The client asks for it: XEP-0206 §5. */
  restart(): void {
    this.#answering.forgetNews();
  }

  writeHeader(attrs: Attrs): void {
    this.#answering.tellOfStream(attrs);
  }

  write(text: string, receipt?: Receipt): void {
    if (this.#state !== "open") {
      receipt?.failed();
      return;
    }
    if (this.#out.isEmpty) flushSoon(this);
    this.#out.add(text, receipt);
  }

  /** Answers what is held, the oldest first, as far as there is something to say, or more is held than should be. */
  flush(): void {
    if (this.#state !== "open") return;
    const { terms } = this;
    while (this.#answering.waiting > 0 && (!this.#out.isEmpty || this.#answering.waiting > terms.hold))
      this.#answerOldest();
    if (this.#out.size > this.options.sendBuffer) this.fail("policy-violation");
  }

  startTls(): void {
    throw new Error("there is no STARTTLS over BOSH");
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#advance();
  }

  /** §13, or §17.2 when the stream has ended with an error. */
  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ending";
    const condition = endingCondition(this.#out.lastText);
    const { text, receipts } = this.#out.takeAll();
    this.#last = { text: terminalText(condition, text), receipts };
    if (this.#answering.waiting > 0) this.#sayLast(this.#last);
    else this.#wait(this.options.closeTimeout);
  }

  destroy(): void {
    this.fail("remote-connection-failed");
  }

  /** Deals with the requests whose turn it is: §14.2. */
  #advance(): void {
    while (!this.#paused && this.#state !== "gone") {
      const next = this.#window.take();
      if (!next) return;
      this.#repeats = 0;
      this.#deal(next.request, next.reply);
    }
  }

  #deal(request: BoshRequest, reply: Reply): void {
    if (!this.#keys.accept(request.attribute("key"), request.attribute("newkey"))) {
      this.fail("item-not-found", reply);
      return;
    }
    this.#answering.acknowledged(acknowledgedBy(request, this.terms));
    const objection = this.#objectionTo(request);
    if (objection) {
      this.fail(objection, reply);
      return;
    }
    clearTimeout(this.#silence);
    this.#answering.hold(request, reply);
    if (this.#last) this.#sayLast(this.#last);
    else this.#handOver(request);
  }

  #objectionTo(request: BoshRequest): BoshCondition | undefined {
    if (!this.#pace.allows(request, this.#answering.waiting + 1)) return "policy-violation";
    if (!request.pauses) return undefined;
    if (request.pause === undefined) return "bad-request";
    // §10: not greater than the maximum permitted time.
    return request.pause > this.terms.pause ? "policy-violation" : undefined;
  }

  #handOver(request: BoshRequest): void {
    // XEP-0206 §5: what a restart brings along is ignored.
    if (request.restarts) this.handler.onHeader(headerOf(request));
    else for (const { element, inner } of request.payloads) this.handler.onElement(element, inner);
    if (request.terminates) {
      this.#clientLeaves = true;
      this.handler.onFooter();
    }
    if (request.pause !== undefined && !request.terminates) this.#away(request.pause);
    if (this.#answering.waiting > this.terms.hold || !this.#out.isEmpty) flushSoon(this);
  }

  /** §10: all is answered, without anything in it, and the client stays away for a while. */
  #away(time: number): void {
    while (this.#answering.waiting > 0) this.#answer("", []);
    this.#wait(time);
  }

  /** §14.3 */
  #repeat(request: BoshRequest, reply: Reply): void {
    this.#repeats += 1;
    if (this.#repeats > REPEATS) {
      this.fail("policy-violation", reply);
      return;
    }
    const found = this.#answering.again(request, reply);
    if (found === undefined) this.fail("item-not-found", reply);
    else if (found === "held") clearTimeout(this.#silence);
  }

  #answerUpTo(rid: number): void {
    while (this.#answering.holdsUpTo(rid) && this.#state === "open") this.#answerOldest();
  }

  #answerOldest(): void {
    const { text, receipts } = this.#out.take();
    this.#answer(text, receipts);
  }

  #answer(text: string, receipts: Receipt[]): void {
    this.#pace.answered(text !== "");
    this.#answering.answerOldest({ text, receipts }, this.#window.current);
  }

  #sayLast(last: { text: string; receipts: Receipt[] }): void {
    this.#answering.sayLast(last, (ok) =>
      this.#gone(this.#clientLeaves ? "closed by the client" : "closed by the server", ok),
    );
    this.#dismiss(undefined);
  }

  /** Whoever still waits for an answer gets one. */
  #dismiss(condition: BoshCondition | undefined): void {
    const body = condition === undefined ? bodyText({}, "") : terminalText(condition);
    const status = condition === undefined ? 200 : statusOf(condition, this.terms.legacy);
    const early = this.#window.takeAll().map(({ reply }) => reply);
    for (const reply of [...this.#answering.takeAll(), ...early])
      reply.send(status, this.terms.contentType, body);
  }

  /** @param ms after which a client that has not come back is gone: §10. */
  #wait(ms: number): void {
    clearTimeout(this.#silence);
    if (this.#state === "gone") return;
    this.#silence = setTimeout(() => {
      this.#dismiss("item-not-found");
      this.#gone("the client did not come back", false);
    }, ms);
  }

  #gone(reason: string, inOrder: boolean): void {
    if (this.#state === "gone") return;
    this.#state = "gone";
    clearTimeout(this.#silence);
    this.#answering.stop();
    this.onEnded(this);
    this.handler.onGone(reason);
    this.#answering.end(inOrder);
    this.#out.fail();
    for (const receipt of this.#last?.receipts.splice(0) ?? []) receipt.failed();
  }
}
