import type { Receipt } from "../../session/session.js";
import type { Attrs, AttrsInput } from "../../xml/element.js";
import type { ParserLimits } from "../../xml/parser.js";
import type { Connection, ConnectionHandler } from "../connection.js";
import { streamHeader } from "../framing.js";
import type { HttpPeer } from "../http-peer.js";
import { flushSoon } from "../outbox.js";
import { bodyText, RECOVERABLE, type Reply, statusOf, terminalText } from "./answer.js";
import { Answers } from "./answers.js";
import type { BoshCondition } from "./condition.js";
import { Held, type HeldRequest } from "./held.js";
import { KeySequence } from "./keys.js";
import { Outgoing } from "./outgoing.js";
import { Pace } from "./pace.js";
import { type BoshRequest, NS_XBOSH } from "./request.js";
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
  handler!: ConnectionHandler;
  limits: ParserLimits;
  /** The last request dealt with. */
  #rid: number;
  readonly #keys: KeySequence;
  readonly #pace: Pace;
  /** Requests that came before their turn, by rid. */
  readonly #early = new Map<number, { request: BoshRequest; reply: Reply }>();
  readonly #held: Held;
  readonly #answers: Answers;
  readonly #out = new Outgoing();
  /** Attributes for the next answer: of the session's, and the stream's, creation. */
  #news: AttrsInput | undefined;
  #repeats = 0;
  #paused = false;
  #state: "open" | "ending" | "gone" = "open";
  /** The last word. */
  #last: { body: string; receipts: Receipt[] } | undefined;
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
    this.limits = options.limits;
    this.#rid = request.rid - 1;
    this.#keys = new KeySequence(request.attribute("newkey"));
    this.#pace = new Pace(terms);
    this.#answers = new Answers(terms.requests);
    this.#held = new Held(terms.wait, {
      timeIsUp: (rid) => this.#answerUpTo(rid),
      nobodyWaits: () => this.#wait(terms.inactivity),
    });
    this.#news = this.#terms(request);
  }

  get queued(): number {
    return this.#out.size;
  }

  get isOver(): boolean {
    return this.#state === "gone";
  }

  /** The first request of the session. */
  begin(request: BoshRequest, reply: Reply): void {
    this.#rid = request.rid;
    this.#held.add(request, reply);
    this.handler.onHeader(headerOf(request));
    if (this.terms.hold === 0) flushSoon(this);
  }

  /** A further request, known to be the client's by address and sid. */
  receive(request: BoshRequest, reply: Reply): void {
    const { rid } = request;
    if (rid <= this.#rid) {
      this.#repeat(request, reply);
      return;
    }
    // §14.2. §11 allows one more to pause or to terminate.
    const more = request.pauses || request.terminates ? 1 : 0;
    if (rid > this.#rid + this.terms.requests + more) {
      this.fail("item-not-found", reply);
      return;
    }
    this.#early.get(rid)?.reply.send(200, this.terms.contentType, RECOVERABLE);
    this.#early.set(rid, { request, reply });
    this.#advance();
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

  setLimits(limits: ParserLimits): void {
    this.limits = limits;
  }

  /** The client asks for it: XEP-0206 §5. */
  restart(): void {
    this.#news = undefined;
  }

  rest(): void {
    // Nothing is kept for the sake of speed.
  }

  /** XEP-0206 §4: only the session's first answer tells of the stream. */
  writeHeader(attrs: Attrs): void {
    if (this.#news === undefined) return;
    Object.assign(this.#news, { from: attrs.from, authid: attrs.id, "xmpp:version": attrs.version });
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
    while (this.#held.size > 0 && (!this.#out.isEmpty || this.#held.size > this.terms.hold))
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
    this.#last = { body: terminalText(condition, text), receipts };
    if (this.#held.size > 0) this.#sayLast(this.#held.takeOldest());
    else this.#wait(this.options.closeTimeout);
  }

  destroy(): void {
    this.fail("remote-connection-failed");
  }

  /** Deals with the requests whose turn it is: §14.2. */
  #advance(): void {
    while (!this.#paused && this.#state !== "gone") {
      const next = this.#early.get(this.#rid + 1);
      if (!next) return;
      this.#early.delete(this.#rid + 1);
      this.#rid += 1;
      this.#repeats = 0;
      this.#deal(next.request, next.reply);
    }
  }

  #deal(request: BoshRequest, reply: Reply): void {
    if (!this.#keys.accept(request.attribute("key"), request.attribute("newkey"))) {
      this.fail("item-not-found", reply);
      return;
    }
    this.#answers.acknowledged(this.#acknowledgedBy(request));
    if (!this.#pace.allows(request, this.#held.size + 1)) {
      this.fail("policy-violation", reply);
      return;
    }
    clearTimeout(this.#silence);
    this.#held.add(request, reply);
    if (this.#state === "ending") this.#sayLast(this.#held.takeOldest());
    else if (request.pauses) this.#away(request);
    else this.#handOver(request);
  }

  #handOver(request: BoshRequest): void {
    // XEP-0206 §5: what a restart brings along is ignored.
    if (request.restarts) this.handler.onHeader(headerOf(request));
    else for (const { element, inner } of request.payloads) this.handler.onElement(element, inner);
    if (request.terminates) {
      this.#clientLeaves = true;
      this.handler.onFooter();
    }
    if (this.#held.size > this.terms.hold || !this.#out.isEmpty) flushSoon(this);
  }

  /** §10: all is answered, without anything in it, and the client stays away for a while. */
  #away(request: BoshRequest): void {
    const time = Number(request.attribute("pause")) * 1000;
    if (!(time <= this.terms.pause)) {
      this.fail("policy-violation");
      return;
    }
    while (this.#held.size > 0) this.#answer(this.#held.takeOldest(), "", []);
    this.#wait(time);
  }

  /** §14.3 */
  #repeat(request: BoshRequest, reply: Reply): void {
    this.#repeats += 1;
    const { rid } = request;
    const key = request.attribute("key");
    const waiting = this.#held.get(rid);
    const answer = this.#answers.get(rid);
    if (this.#repeats > REPEATS) {
      this.fail("policy-violation", reply);
    } else if (waiting && waiting.key === key) {
      waiting.reply.send(200, this.terms.contentType, RECOVERABLE);
      this.#held.replace(waiting, reply);
      clearTimeout(this.#silence);
    } else if (answer && answer.key === key) {
      reply.send(200, this.terms.contentType, answer.body, (ok) => {
        answer.sent ||= ok;
      });
    } else {
      this.fail("item-not-found", reply);
    }
  }

  /**
   * A client has at most so many requests under way, and fewer when it sends one only to have one held; those before
   * were answered, or it would not have sent this one.
   */
  #acknowledgedBy(request: BoshRequest): number {
    const { acks, hold, requests } = this.terms;
    const implied = request.rid - (request.isEmpty && hold > 0 ? hold : requests);
    if (!acks) return implied;
    // §9.2: without the attribute it has all answers.
    const told = request.attribute("ack");
    return Math.max(
      implied,
      told === undefined ? request.rid - 1 : Math.min(Number(told) || 0, request.rid - 1),
    );
  }

  #answerUpTo(rid: number): void {
    while (this.#held.size > 0 && this.#held.oldest <= rid && this.#state === "open") this.#answerOldest();
  }

  #answerOldest(): void {
    const { text, receipts } = this.#out.take();
    this.#answer(this.#held.takeOldest(), text, receipts);
  }

  #answer({ rid, key, reply }: HeldRequest, inner: string, receipts: Receipt[]): void {
    const attrs: AttrsInput = this.#news ?? {};
    this.#news = undefined;
    // §9.1
    if (this.terms.acks && (rid !== this.#rid || attrs.sid !== undefined)) attrs.ack = this.#rid;
    const body = bodyText(attrs, inner);
    const answer = { body, key, receipts, sent: false };
    this.#answers.add(rid, answer);
    this.#pace.answered(inner !== "");
    reply.send(200, this.terms.contentType, body, (ok) => {
      answer.sent ||= ok;
    });
  }

  #sayLast({ rid, key, reply }: HeldRequest): void {
    const { body, receipts } = this.#last as { body: string; receipts: Receipt[] };
    const answer = { body, key, receipts, sent: false };
    this.#answers.add(rid, answer);
    reply.send(200, this.terms.contentType, body, (ok) => {
      answer.sent = ok;
      this.#gone(this.#clientLeaves ? "closed by the client" : "closed by the server", ok);
    });
    this.#dismiss(undefined);
  }

  /** Whoever still waits for an answer gets one. */
  #dismiss(condition: BoshCondition | undefined): void {
    const body = condition === undefined ? bodyText({}, "") : terminalText(condition);
    const status = condition === undefined ? 200 : statusOf(condition, this.terms.legacy);
    while (this.#held.size > 0) this.#held.takeOldest().reply.send(status, this.terms.contentType, body);
    for (const { reply } of this.#early.values()) reply.send(status, this.terms.contentType, body);
    this.#early.clear();
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
    this.#held.stop();
    this.onEnded(this);
    this.handler.onGone(reason);
    this.#answers.end(inOrder);
    this.#out.fail();
    for (const receipt of this.#last?.receipts.splice(0) ?? []) receipt.failed();
  }

  /** §7.2 and XEP-0206 §4; in seconds. */
  #terms(request: BoshRequest): AttrsInput {
    const { terms } = this;
    return {
      sid: this.sid,
      wait: terms.wait / 1000,
      requests: terms.requests,
      ver: terms.version,
      hold: terms.hold,
      inactivity: Math.floor(terms.inactivity / 1000),
      polling: terms.polling > 0 ? Math.ceil(terms.polling / 1000) : undefined,
      maxpause: Math.floor(terms.pause / 1000),
      ack: terms.acks ? request.rid : undefined,
      charsets: "UTF-8",
      "xmlns:xmpp": NS_XBOSH,
      "xmpp:restartlogic": "true",
    };
  }
}

function headerOf(request: BoshRequest) {
  const { attrs } = request.body;
  const { to, from, "xml:lang": lang } = attrs;
  // COMPAT: xmpp:version is left out by some clients that know no version but this one.
  const version = request.xbosh("version") ?? "1.0";
  const header: Attrs = { version };
  if (to !== undefined) header.to = to;
  if (from !== undefined) header.from = from;
  if (lang !== undefined) header["xml:lang"] = lang;
  return streamHeader(header);
}
