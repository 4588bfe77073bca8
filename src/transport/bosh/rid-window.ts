import type { Reply } from "./answer.js";
import type { BoshRequest } from "./request.js";

export interface Arrived {
  request: BoshRequest;
  reply: Reply;
}

/** Brings requests into the order of their rids: XEP-0124 §14.1, §14.2. */
export class RidWindow {
  /** Requests that came before their turn, by rid. */
  readonly #early = new Map<number, Arrived>();

  /**
   * @param last the last request that was dealt with
   * @param size requests that may be under way
   */
  constructor(
    private last: number,
    private readonly size: number,
  ) {}

  /** The last request that was dealt with. */
  get current(): number {
    return this.last;
  }

  /** It has been dealt with, or is being so. */
  hasPassed({ rid }: BoshRequest): boolean {
    return rid <= this.last;
  }

  /** §11 allows one more to pause or to terminate. */
  reaches(request: BoshRequest): boolean {
    const more = request.pauses || request.terminates ? 1 : 0;
    return request.rid <= this.last + this.size + more;
  }

  /** @returns who had sent a request of that rid before; it is to be told to send it again. */
  add(arrived: Arrived): Reply | undefined {
    const { rid } = arrived.request;
    const before = this.#early.get(rid)?.reply;
    this.#early.set(rid, arrived);
    return before;
  }

  /** The request whose turn it is; it counts as dealt with from now on. */
  take(): Arrived | undefined {
    const next = this.#early.get(this.last + 1);
    if (!next) return undefined;
    this.last += 1;
    this.#early.delete(this.last);
    return next;
  }

  /** Those whose turn will not come. */
  takeAll(): Arrived[] {
    const all = [...this.#early.values()];
    this.#early.clear();
    return all;
  }
}
