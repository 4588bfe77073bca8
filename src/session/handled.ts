const WRAP = 2 ** 32;

/** One stanza that a client sent, until the server has taken the responsibility for it. */
export class Ticket {
  #holds = 1;

  constructor(private readonly onClosed: () => void) {}

  get closed(): boolean {
    return this.#holds === 0;
  }

  /** Something more has to be done before it counts as handled: a message has to become durable. */
  hold(): void {
    this.#holds += 1;
  }

  release(): void {
    this.#holds -= 1;
    if (this.#holds === 0) this.onClosed();
  }
}

/**
 * Counts what a client sent and the server has handled, in the order received: XEP-0198 §4. A stanza counts once it is
 * durable, or by its nature need not be kept, and all before it count.
 */
export class Handled {
  readonly #open: Ticket[] = [];
  #waiting: { left: number; resolve: () => void }[] = [];

  /** @param h wraps at 2^32. */
  constructor(public h = 0) {}

  /** A stanza was received. Its first hold is to be released when it has been routed. */
  begin(): Ticket {
    const ticket = new Ticket(() => this.#advance());
    this.#open.push(ticket);
    return ticket;
  }

  /** Undefined when all that was received so far is handled; otherwise resolves when it is. */
  caughtUp(): Promise<void> | undefined {
    const left = this.#open.length;
    if (left === 0) return undefined;
    return new Promise((resolve) => this.#waiting.push({ left, resolve }));
  }

  #advance(): void {
    let done = 0;
    while (this.#open.length > done && this.#open[done].closed) done += 1;
    if (done === 0) return;
    this.#open.splice(0, done);
    this.h = (this.h + done) % WRAP;
    for (const one of this.#waiting) one.left -= done;
    const ready = this.#waiting.filter(({ left }) => left <= 0);
    if (ready.length === 0) return;
    this.#waiting = this.#waiting.filter(({ left }) => left > 0);
    for (const { resolve } of ready) resolve();
  }
}
