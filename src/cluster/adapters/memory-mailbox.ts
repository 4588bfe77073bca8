import type { ClusterMessage, Receive } from "../adapter.js";

export interface MailboxOptions {
  /** Messages that a node is given at a time. */
  inFlight: number;
  /** Messages that may wait for a node. */
  capacity: number;
  /** How often a message is tried. */
  attempts: number;
  /** ms between two of them. */
  retry: number;
}

/** Messages of one sender with one key: the first is being received when the lane is busy. */
interface Lane {
  readonly queue: ClusterMessage[];
  busy: boolean;
}

/** Who is given the messages; replaced by another when the node is gone. */
interface Consumer {
  readonly receive: Receive;
  running: number;
}

/** What waits for one node. A message stays until it was received; those of one lane are received one after the other. */
export class Mailbox {
  readonly #lanes = new Map<string, Lane>();
  #ready: Lane[] = [];
  #count = 0;
  #consumer: Consumer | undefined;
  #paused = false;
  #waiting: { orPaused: boolean; resolve: () => void }[] = [];
  #done = 0;

  /** @param bury is given what could not be received, with the reason of the last attempt. */
  constructor(
    private readonly options: MailboxOptions,
    private readonly bury: (message: ClusterMessage, reason: unknown) => void,
  ) {}

  get full(): boolean {
    return this.#count >= this.options.capacity;
  }

  put(message: ClusterMessage): void {
    const name = `${message.from}\n${message.key}`;
    let lane = this.#lanes.get(name);
    if (!lane) {
      lane = { queue: [], busy: false };
      this.#lanes.set(name, lane);
    }
    lane.queue.push(message);
    this.#count += 1;
    if (lane.queue.length === 1) this.#ready.push(lane);
    // Nobody is called from within his own send.
    setImmediate(() => this.#pump());
  }

  /** From now on this one is given the messages, also those that another was given and did not finish. */
  open(receive: Receive): void {
    this.#consumer = { receive, running: 0 };
    this.#ready = [...this.#lanes.values()];
    for (const lane of this.#ready) lane.busy = false;
    setImmediate(() => this.#pump());
  }

  /** Nobody is given anything any more; what was being received counts as not received. */
  abandon(): void {
    this.#consumer = undefined;
  }

  /** What is being received goes on; nothing else is begun. */
  pause(paused: boolean): void {
    this.#paused = paused;
    this.#tell();
    this.#pump();
  }

  /** Messages that were received, or buried, since it was made. */
  get done(): number {
    return this.#done;
  }

  /** Resolves when everything was received; with `orPaused` also when it is paused and nothing is being received. */
  drained(orPaused = false): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ orPaused, resolve });
      this.#tell();
    });
  }

  #tell(): void {
    const atRest = this.#paused && (this.#consumer?.running ?? 0) === 0;
    const still = this.#waiting.filter(({ orPaused }) => this.#count > 0 && !(orPaused && atRest));
    const told = this.#waiting.filter((one) => !still.includes(one));
    this.#waiting = still;
    for (const { resolve } of told) resolve();
  }

  #pump(): void {
    const consumer = this.#consumer;
    if (!consumer || this.#paused) return;
    while (consumer.running < this.options.inFlight) {
      const lane = this.#ready.shift();
      if (!lane) return;
      lane.busy = true;
      consumer.running += 1;
      void this.#serve(lane, consumer);
    }
  }

  async #serve(lane: Lane, consumer: Consumer): Promise<void> {
    await this.#handOver(lane.queue[0], consumer);
    if (this.#consumer !== consumer) return;
    const [message] = lane.queue.splice(0, 1);
    lane.busy = false;
    consumer.running -= 1;
    this.#count -= 1;
    this.#done += 1;
    if (lane.queue.length > 0) this.#ready.push(lane);
    else this.#lanes.delete(`${message.from}\n${message.key}`);
    this.#tell();
    this.#pump();
  }

  async #handOver(message: ClusterMessage, consumer: Consumer): Promise<void> {
    for (let attempt = 1; this.#consumer === consumer; attempt++) {
      try {
        await consumer.receive(message);
        return;
      } catch (error) {
        if (attempt >= this.options.attempts) {
          if (this.#consumer === consumer) this.bury(message, error);
          return;
        }
        await new Promise((resolve) => setTimeout(resolve, this.options.retry));
      }
    }
  }
}
