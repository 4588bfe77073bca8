import type { Logger } from "../log.js";
import type { MessageRepository } from "./types.js";

/** Ids of messages: their order is the order of the messages, so they also say when a message was taken. */

/** 2025-01-01T00:00:00Z. 41 bits of milliseconds from here last until 2094. */
const EPOCH = 1_735_689_600_000;
/** 6 bits each, which leaves the whole below 2^53, where every integer is exact. */
const SLOTS = 64;
const COUNTS = 64;

const ID_TEXT = /^[0-9a-z]{1,11}$/;

/** Gives ids that rise strictly, even when the clock goes back or more than 64 are taken within one millisecond. */
export class MessageIds {
  /** Milliseconds since the epoch × 64 + how many before in that millisecond. A busy millisecond borrows from the next. */
  #tick = -1;

  /**
   * @param slot 0 to 63; nodes that run at the same time have different ones, so that their ids never meet
   * @throws RangeError for another slot
   */
  constructor(readonly slot = 0) {
    if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS) {
      throw new RangeError(`a slot is a whole number from 0 to ${SLOTS - 1}, not ${slot}`);
    }
  }

  /** @param now ms since 1970 */
  next(now = Date.now()): number {
    this.#tick = Math.max((now - EPOCH) * COUNTS, this.#tick + 1);
    return this.#idOf(this.#tick);
  }

  /** For `follow`: no id was given here, or followed, that is above it. 0 before the first. */
  get last(): number {
    return Math.max(0, this.#idOf(this.#tick));
  }

  /** Another node has given this id: those that come now are behind it. */
  follow(id: number): void {
    const tick = (Math.floor(id / (SLOTS * COUNTS)) + 1) * COUNTS - 1;
    if (tick > this.#tick) this.#tick = tick;
  }

  /** ms by which the ids are ahead of the clock. */
  aheadOf(now = Date.now()): number {
    return Math.max(0, Math.floor(this.#tick / COUNTS) + EPOCH - now);
  }

  #idOf(tick: number): number {
    const count = tick % COUNTS;
    return (tick - count) * SLOTS + this.slot * COUNTS + count;
  }

  /** ms since 1970 at which an id was given. */
  static timeOf(id: number): number {
    return EPOCH + Math.floor(id / (SLOTS * COUNTS));
  }

  /** The lowest id that can be given at a time (ms since 1970, whole); 0 before there were any, the highest after the last. */
  static firstAt(time: number): number {
    return Math.min(Math.max(0, (time - EPOCH) * SLOTS * COUNTS), Number.MAX_SAFE_INTEGER);
  }

  /** The slot of who gave an id. */
  static slotOf(id: number): number {
    return Math.floor(id / COUNTS) % SLOTS;
  }
}

/** An id as short text, for attributes and logs: base 36. */
export function formatId(id: number): string {
  return id.toString(36);
}

/** Undefined for what `formatId` did not write. */
export function parseId(text: string): number | undefined {
  if (!ID_TEXT.test(text)) return undefined;
  const id = Number.parseInt(text, 36);
  return Number.isSafeInteger(id) && formatId(id) === text ? id : undefined;
}

/** ms by which the clock may be behind without a word. */
const BEHIND = 60_000;

/**
 * What is taken from now on comes after all that is stored, though the clock may have been set back since: ids are never given
 * twice, and their order stays that of the messages.
 */
export async function followStored(
  messages: Pick<MessageRepository, "lastId">,
  ids: MessageIds,
  log: Logger,
): Promise<void> {
  ids.follow(await messages.lastId());
  const ahead = ids.aheadOf();
  if (ahead > BEHIND)
    log.warn(
      { behind: ahead },
      "the clock is behind that of the last message; what is taken now counts as later all the same",
    );
}
