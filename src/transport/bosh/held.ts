import type { Reply } from "./answer.js";
import type { BoshRequest } from "./request.js";

export interface HeldRequest {
  rid: number;
  key: string | undefined;
  reply: Reply;
  /** Its connection was lost; the answer is kept for when it is sent again. */
  lost: boolean;
  timer: NodeJS.Timeout;
}

/** Requests that wait for an answer, the oldest first: XEP-0124 §8. */
export class Held {
  #all: HeldRequest[] = [];

  /**
   * @param wait ms that a request is held.
   * @param told `timeIsUp`: it has been held for so long; `nobodyWaits`: no request is left that somebody listens to.
   */
  constructor(
    private readonly wait: number,
    private readonly told: { timeIsUp(rid: number): void; nobodyWaits(): void },
  ) {}

  get size(): number {
    return this.#all.length;
  }

  get oldest(): number {
    return this.#all[0].rid;
  }

  get(rid: number): HeldRequest | undefined {
    return this.#all.find((one) => one.rid === rid);
  }

  add(request: BoshRequest, reply: Reply): void {
    const { rid } = request;
    const timer = setTimeout(() => this.told.timeIsUp(rid), this.wait);
    const held = { rid, key: request.attribute("key"), reply, lost: false, timer };
    this.#all.push(held);
    this.#listen(held, reply);
  }

  /** The same request came again, over another connection. */
  replace(held: HeldRequest, reply: Reply): void {
    held.reply = reply;
    held.lost = false;
    this.#listen(held, reply);
  }

  takeOldest(): HeldRequest {
    const held = this.#all.shift() as HeldRequest;
    clearTimeout(held.timer);
    this.#look();
    return held;
  }

  stop(): void {
    for (const { timer } of this.#all.splice(0)) clearTimeout(timer);
  }

  #listen(held: HeldRequest, reply: Reply): void {
    reply.onLost(() => {
      if (held.reply !== reply || !this.#all.includes(held)) return;
      held.lost = true;
      this.#look();
    });
  }

  #look(): void {
    if (this.#all.every(({ lost }) => lost)) this.told.nobodyWaits();
  }
}
