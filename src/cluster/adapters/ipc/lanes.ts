import type { ClusterMessage, Receive } from "../../adapter.js";

export interface LaneOptions {
  /** Messages that are received at a time. */
  inFlight: number;
  /** How often a message is tried. */
  attempts: number;
  /** ms between two of them. */
  retryDelay: number;
}

/** Who is to know that a message was received. */
export interface Owner {
  /** The last message of each key that is not received yet. */
  readonly tails: Map<string, Job>;
  done(n: number): void;
}

export interface Job {
  readonly message: ClusterMessage;
  readonly owner: Owner;
  readonly n: number;
  attempts: number;
  /** The one of the same key that follows. */
  next: Job | undefined;
}

/** Sets a message aside; the reason is what the last attempt threw. */
export type Bury = (message: ClusterMessage, reason: unknown) => Promise<void>;

/**
 * Hands messages to `receive`: those of one owner with one key one after the other, others at the same time. What fails is
 * tried again in its place.
 */
export class Lanes {
  /** First of their lanes, and waiting only because enough is being received. */
  #ready: Job[] = [];
  #running = 0;
  #count = 0;
  #ended = false;
  #idle: (() => void)[] = [];
  #received = 0;

  constructor(
    private readonly options: LaneOptions,
    private readonly receive: Receive,
    private readonly bury: Bury,
    private readonly onBuryError: (error: unknown) => void,
  ) {}

  /** How many were received, or set aside. */
  get received(): number {
    return this.#received;
  }

  add(message: ClusterMessage, owner: Owner, n: number): void {
    if (this.#ended) return;
    const job: Job = { message, owner, n, attempts: 0, next: undefined };
    this.#count += 1;
    const tail = owner.tails.get(message.key);
    owner.tails.set(message.key, job);
    if (tail) tail.next = job;
    else this.#enter(job);
  }

  /** Resolves when everything was received. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Nothing more is begun, and nothing that has begun counts. */
  abandon(): void {
    this.#ended = true;
    this.#ready = [];
  }

  #enter(job: Job): void {
    if (this.#running >= this.options.inFlight) {
      this.#ready.push(job);
      return;
    }
    this.#running += 1;
    this.#attempt(job);
  }

  #attempt(job: Job): void {
    if (this.#ended) return;
    job.attempts += 1;
    this.#receive(job.message).then(
      () => this.#finish(job),
      (error: unknown) => this.#fail(job, error),
    );
  }

  #receive(message: ClusterMessage): Promise<void> {
    try {
      return this.receive(message);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #fail(job: Job, error: unknown): void {
    if (this.#ended) return;
    if (job.attempts < this.options.attempts) setTimeout(() => this.#attempt(job), this.options.retryDelay);
    else this.#setAside(job, error);
  }

  #setAside(job: Job, reason: unknown): void {
    if (this.#ended) return;
    this.bury(job.message, reason).then(
      () => this.#finish(job),
      (error: unknown) => {
        this.onBuryError(error);
        setTimeout(() => this.#setAside(job, reason), this.options.retryDelay);
      },
    );
  }

  #finish(job: Job): void {
    if (this.#ended) return;
    this.#running -= 1;
    this.#count -= 1;
    this.#received += 1;
    const { owner, next, message } = job;
    // Otherwise each one that is over keeps the next, and that the one after it, until an old one is collected.
    job.next = undefined;
    if (next) this.#ready.push(next);
    else owner.tails.delete(message.key);
    owner.done(job.n);
    this.#begin();
    if (this.#count === 0) for (const tell of this.#idle.splice(0)) tell();
  }

  #begin(): void {
    if (this.#ready.length === 0) return;
    const free = this.options.inFlight - this.#running;
    for (const job of this.#ready.splice(0, free)) this.#enter(job);
  }
}
