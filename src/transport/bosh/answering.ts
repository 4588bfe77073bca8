import type { Receipt } from "../../session/session.js";
import type { Attrs, AttrsInput } from "../../xml/element.js";
import { type Answer, bodyText, RECOVERABLE, type Reply } from "./answer.js";
import { Answers } from "./answers.js";
import { Held, type HeldRequest } from "./held.js";
import type { BoshRequest } from "./request.js";
import type { BoshTerms } from "./terms.js";

/** Elements as text, and who wants to hear that they arrived. */
interface Words {
  text: string;
  receipts: Receipt[];
}

/** Who waits for an answer and what was answered: XEP-0124 §8, §9 and §14.3. Where a comment says only "§", it means that. */
export class Answering {
  readonly #held: Held;
  readonly #answers: Answers;
  /** Attributes for the next answer: of the session's, and the stream's, creation. */
  #news: AttrsInput | undefined;

  /**
   * @param told `timeIsUp`: a request has been held for as long as agreed; `nobodyWaits`: no request is left that somebody
   *   listens to.
   */
  constructor(
    private readonly terms: BoshTerms,
    creation: AttrsInput,
    told: { timeIsUp(rid: number): void; nobodyWaits(): void },
  ) {
    this.#news = creation;
    this.#answers = new Answers(terms.requests);
    this.#held = new Held(terms.wait, told);
  }

  /** Requests without an answer. */
  get waiting(): number {
    return this.#held.size;
  }

  /** Requests are held up to this rid. */
  holdsUpTo(rid: number): boolean {
    return this.#held.size > 0 && this.#held.oldest <= rid;
  }

  hold(request: BoshRequest, reply: Reply): void {
    this.#held.add(request, reply);
  }

  /** XEP-0206 §4: only the session's first answer tells of the stream. */
  tellOfStream({ from, id, version }: Attrs): void {
    if (this.#news) Object.assign(this.#news, { from, authid: id, "xmpp:version": version });
  }

  /** The stream is to begin anew, and there is nothing to be told of the first one. */
  forgetNews(): void {
    this.#news = undefined;
  }

  /** @param current the last request that was dealt with */
  answerOldest({ text, receipts }: Words, current: number): void {
    const oldest = this.#held.takeOldest();
    const attrs: AttrsInput = this.#news ?? {};
    this.#news = undefined;
    // §9.1
    if (this.terms.acks && (oldest.rid !== current || attrs.sid !== undefined)) attrs.ack = current;
    const answer = this.#keep(oldest, bodyText(attrs, text), receipts);
    this.#send(oldest.reply, answer.body, (ok) => {
      answer.sent ||= ok;
    });
  }

  /** The last word. @param sent told whether the network has taken it. */
  sayLast({ text: body, receipts }: Words, sent: (ok: boolean) => void): void {
    const oldest = this.#held.takeOldest();
    const answer = this.#keep(oldest, body, receipts);
    this.#send(oldest.reply, body, (ok) => {
      answer.sent = ok;
      sent(ok);
    });
  }

  /**
   * A request that has been dealt with came again: §14.3.
   * @returns "held" while it waits still, "answered" when it got its answer again, undefined when it is unknown.
   */
  again(request: BoshRequest, reply: Reply): "held" | "answered" | undefined {
    const key = request.attribute("key");
    const waiting = this.#held.get(request.rid);
    if (waiting && waiting.key === key) {
      this.#send(waiting.reply, RECOVERABLE);
      this.#held.replace(waiting, reply);
      return "held";
    }
    const answer = this.#answers.get(request.rid);
    if (!answer || answer.key !== key) return undefined;
    this.#send(reply, answer.body, (ok) => {
      answer.sent ||= ok;
    });
    return "answered";
  }

  /** The client has the answers up to a rid. */
  acknowledged(rid: number): void {
    this.#answers.acknowledged(rid);
  }

  /** All that wait, oldest first; they are to be answered by others. */
  takeAll(): Reply[] {
    const all: Reply[] = [];
    while (this.#held.size > 0) all.push(this.#held.takeOldest().reply);
    return all;
  }

  /** Nobody's time is looked at any more. */
  stop(): void {
    this.#held.stop();
  }

  /** The session is over. @param inOrder then what went out has arrived, as far as anybody can know. */
  end(inOrder: boolean): void {
    this.#answers.end(inOrder);
  }

  #keep({ rid, key }: HeldRequest, body: string, receipts: Receipt[]): Answer {
    const answer: Answer = { body, key, receipts, sent: false };
    this.#answers.add(rid, answer);
    return answer;
  }

  #send(reply: Reply, body: string, sent?: (ok: boolean) => void): void {
    reply.send(200, this.terms.contentType, body, sent);
  }
}

/**
 * The last answer that a request says its sender has. A client has at most so many requests under way, and fewer when it
 * sends one only to have one held; those before were answered, or it would not have sent this one.
 */
export function acknowledgedBy(request: BoshRequest, { acks, hold, requests }: BoshTerms): number {
  const implied = request.rid - (request.isEmpty && hold > 0 ? hold : requests);
  if (!acks) return implied;
  // §9.2: without the attribute it has all answers.
  const told = request.attribute("ack");
  const last = request.rid - 1;
  return Math.max(implied, told === undefined ? last : Math.min(Number(told) || 0, last));
}
