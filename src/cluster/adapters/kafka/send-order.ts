import { Settled } from "./settled.js";

/** In which topics up to which offset something has to be dealt with before. */
export type After = ReadonlyMap<string, number>;

const NOTHING: After = new Map();

/** What was sent with one key. */
class Sent {
  /** The last of it in each topic; of mailboxes those that no message to all has followed yet. */
  readonly offsets = new Map<string, number>();
  /** What the broker has not confirmed yet: to all, and to single nodes. */
  readonly all = new Settled();
  readonly single = new Settled();
  /** Those that wait for that, one behind the other. */
  turn: Promise<void> | undefined;
}

/**
 * Keeps the order of messages with one key between two topics: that of messages to all, and the mailbox of a node. Each
 * topic keeps its own, so a message that follows one in the other topic names that one's place, for which it has to wait
 * until it is known. This holds for the keys that were used last.
 */
export class SendOrder {
  readonly #keys = new Map<string, Sent>();
  #waiting = 0;

  /**
   * @param broadcast the topic of messages to all
   * @param keys how many are remembered
   * @param mostWaiting how many messages may wait for others
   */
  constructor(
    private readonly broadcast: string,
    private readonly keys: number,
    private readonly mostWaiting: number,
  ) {}

  /**
   * @param put sends it, and tells its offset
   * @returns when it was sent
   */
  async send(topic: string, key: string, put: (after: After) => Promise<number>): Promise<void> {
    const sent = this.#sentWith(key);
    const others = topic === this.broadcast ? sent.single : sent.all;
    if (!sent.turn && others.settled) return this.#put(sent, topic, put);
    if (this.#waiting >= this.mostWaiting) throw new Error("too much waits to be sent");
    this.#waiting += 1;
    const turn = Promise.resolve(sent.turn).then(() => others.whenSettled());
    // The next follows as soon as this one is on its way.
    const done = turn.then(() => this.#put(sent, topic, put));
    sent.turn = turn;
    void turn.then(() => {
      this.#waiting -= 1;
      if (sent.turn === turn) sent.turn = undefined;
    });
    return done;
  }

  async #put(sent: Sent, topic: string, put: (after: After) => Promise<number>): Promise<void> {
    const toAll = topic === this.broadcast;
    const after = toAll ? this.#beforeAll(sent) : this.#beforeSingle(sent);
    const sending = put(after);
    const own = toAll ? sent.all : sent.single;
    own.begin();
    try {
      sent.offsets.set(topic, await sending);
      // Later messages to all follow this one, so they need not say it again.
      if (toAll) for (const mailbox of after.keys()) sent.offsets.delete(mailbox);
    } finally {
      own.end();
    }
  }

  #beforeAll({ offsets }: Sent): After {
    if (offsets.size === 0) return NOTHING;
    return new Map([...offsets].filter(([topic]) => topic !== this.broadcast));
  }

  #beforeSingle({ offsets }: Sent): After {
    const offset = offsets.get(this.broadcast);
    return offset === undefined ? NOTHING : new Map([[this.broadcast, offset]]);
  }

  #sentWith(key: string): Sent {
    const sent = this.#keys.get(key) ?? new Sent();
    // Used last, forgotten last.
    this.#keys.delete(key);
    this.#keys.set(key, sent);
    if (this.#keys.size > this.keys) this.#forgetOne();
    return sent;
  }

  #forgetOne(): void {
    for (const [key, { turn, all, single }] of this.#keys) {
      if (turn || !all.settled || !single.settled) continue;
      this.#keys.delete(key);
      return;
    }
  }
}
