import { randomBytes } from "node:crypto";
import type { ParserLimits } from "../../xml/parser.js";
import type { HttpServer } from "../http.js";
import { BodyTooLarge } from "../http-body.js";
import type { HttpPeer } from "../http-peer.js";
import type { HttpRequest, HttpResponse } from "../http-route.js";
import { PerAddress } from "../per-address.js";
import { type Reply, statusOf, terminalText } from "./answer.js";
import { BoshError } from "./condition.js";
import { HttpReply } from "./http-reply.js";
import { BoshRequest } from "./request.js";
import { BoshSession, type BoshSessionOptions } from "./session.js";
import { agreeOn, type BoshLimits, DEFAULT_CONTENT_TYPE } from "./terms.js";

export const BOSH_PATH = "/http-bind";

/** Of the largest size, in one request of who has not logged in. */
const ELEMENTS_BEFORE_LOGIN = 4;

export interface BoshOptions extends BoshLimits, BoshSessionOptions {
  /** Bytes of one request. */
  maxBodySize: number;
  maxSessions: number;
  /** 0 = no limit. */
  maxSessionsPerAddress: number;
  serves(domain: string): boolean;
}

/** Where BOSH requests come in and find their sessions. */
export class BoshEndpoint {
  readonly #sessions = new Map<string, BoshSession>();
  readonly #addresses: PerAddress;
  readonly #undo: () => void;
  #stopping = false;

  constructor(
    http: HttpServer,
    private readonly options: BoshOptions,
    private readonly accept: (session: BoshSession) => void,
  ) {
    this.#addresses = new PerAddress(options.maxSessionsPerAddress);
    this.#undo = http.routes.add({
      method: "POST",
      path: BOSH_PATH,
      cors: true,
      held: true,
      handler: (request, response) => this.#handle(request, response),
    });
  }

  /** No session begins any more. */
  close(): void {
    this.#stopping = true;
  }

  stop(): void {
    this.#undo();
    for (const session of this.#sessions.values()) session.destroy();
  }

  async #handle(http: HttpRequest, response: HttpResponse): Promise<void> {
    const { bytes, tooLarge } = await this.#read(http);
    const reply = new HttpReply(response);
    let known: BoshRequest | undefined;
    try {
      const request = BoshRequest.read(bytes, (begun) => {
        known = begun;
        return this.#limitsFor(begun, http.peer, tooLarge ? Number.POSITIVE_INFINITY : bytes.length);
      });
      this.#take(request, http.peer, reply);
    } catch (error) {
      if (!(error instanceof BoshError)) throw error;
      // XEP-0124 §17.1: who cannot be seen to be a BOSH client is told by HTTP.
      if (tooLarge && !known) throw tooLarge;
      this.#refuse(error, known, http.peer, reply);
    }
  }

  /** Of a body that is too large the beginning, which says whose it is. */
  async #read(http: HttpRequest): Promise<{ bytes: Buffer; tooLarge?: BodyTooLarge }> {
    try {
      return { bytes: await http.read(this.options.maxBodySize) };
    } catch (error) {
      if (error instanceof BodyTooLarge) return { bytes: error.begun, tooLarge: error };
      throw error;
    }
  }

  /** What is in a request is not read before it is known that it may be. @throws BoshError */
  #limitsFor(request: BoshRequest, peer: HttpPeer, size: number): ParserLimits {
    const session = this.#find(request, peer);
    if (request.sid !== undefined && !session) throw new BoshError("item-not-found");
    const limits = session?.limits ?? this.options.limits;
    // Nobody needs many elements to log in, and each costs far more than the bytes that it is written in.
    const most = session?.loggedIn ? this.options.maxBodySize : ELEMENTS_BEFORE_LOGIN * limits.maxBytes;
    if (size > most) throw new BoshError("policy-violation");
    return limits;
  }

  /** @throws BoshError */
  #take(request: BoshRequest, peer: HttpPeer, reply: Reply): void {
    if (request.sid === undefined) {
      this.#begin(request, peer, reply);
      return;
    }
    const session = this.#find(request, peer) as BoshSession;
    // XEP-0124 §19.1: what began encrypted stays so; who says otherwise does not end the session.
    if (session.secure && !peer.secure) reply.cut();
    else session.receive(request, reply);
  }

  /** A session is its client's alone: whoever comes from elsewhere does not learn that there is one. */
  #find({ sid }: BoshRequest, peer: HttpPeer): BoshSession | undefined {
    const session = this.#sessions.get(sid ?? "");
    if (!session || session.peer.proxied !== peer.proxied) return undefined;
    return peer.proxied || session.peer.address === peer.address ? session : undefined;
  }

  #begin(request: BoshRequest, peer: HttpPeer, reply: Reply): void {
    const to = request.attribute("to");
    if (this.#stopping) throw new BoshError("system-shutdown");
    if (!to) throw new BoshError("improper-addressing");
    if (!this.options.serves(to)) throw new BoshError("host-unknown");
    const terms = agreeOn(request, this.options);
    if (this.#sessions.size >= this.options.maxSessions || !this.#addresses.enter(peer.address))
      throw new BoshError("policy-violation");
    // XEP-0124 §19.3: unpredictable.
    const sid = randomBytes(24).toString("base64url");
    const session = new BoshSession(sid, request, peer, terms, this.options, () => this.#ended(sid, peer));
    this.#sessions.set(sid, session);
    this.accept(session);
    session.begin(request, reply);
  }

  #ended(sid: string, { address }: HttpPeer): void {
    if (this.#sessions.delete(sid)) this.#addresses.leave(address);
  }

  /** A body that cannot be read ends the session that it names, as the next request could not be dealt with either. */
  #refuse({ condition }: BoshError, request: BoshRequest | undefined, peer: HttpPeer, reply: Reply): void {
    const session = request && this.#find(request, peer);
    if (session) {
      session.fail(condition, reply);
      return;
    }
    const legacy =
      request !== undefined && request.sid === undefined && request.attribute("ver") === undefined;
    reply.send(statusOf(condition, legacy), DEFAULT_CONTENT_TYPE, terminalText(condition));
  }
}
