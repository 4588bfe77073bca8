export interface PaceOptions {
  /** Items that the other node may be behind before senders are read more slowly. */
  maxBehind: number;
  /** Characters of them, likewise. */
  maxBehindSize: number;
  /** ms without any progress of a node that is so far behind, after which it is given nothing more that may be refused. */
  patience: number;
}

/** It is asked whenever it may be behind by this part of the bound. */
const ASK = 8;
/** ms before it is asked again when it has not answered, or could not. */
const ASK_AGAIN = 1000;

export interface PaceEvents {
  /** Resolves when the other node has dealt with all that it was told before. The question counts as told, too. */
  ask(): Promise<unknown>;
  /** It does not get on, or does again. */
  stuck(isStuck: boolean): void;
  /** It is no further behind than it may be, or does not get on: nobody is to wait for it. */
  free(): void;
}

/**
 * How far another node is behind with what it is told, be that still here, at the broker, or with the node. That the broker has
 * taken something says nothing of that: a node that stands still would be told more and more.
 */
export class Pace {
  #items = 0;
  #size = 0;
  #asking = false;
  /** Raised when what was asked for will not be answered. */
  #epoch = 0;
  #isStuck = false;
  #patience: NodeJS.Timeout | undefined;
  #again: NodeJS.Timeout | undefined;
  #paused = false;
  #closed = false;

  constructor(
    private readonly options: PaceOptions,
    private readonly events: PaceEvents,
  ) {}

  get hasRoom(): boolean {
    const { maxBehind, maxBehindSize } = this.options;
    return this.#items < maxBehind && this.#size < maxBehindSize;
  }

  get isStuck(): boolean {
    return this.#isStuck;
  }

  /** More was told. */
  add(items: number, size: number): void {
    this.#items += items;
    this.#size += size;
    this.#look();
  }

  /** So much of it was forgotten. */
  forget(items: number, size: number): void {
    this.#epoch += 1;
    this.#asking = false;
    this.#items -= items;
    this.#size -= size;
    this.#look();
  }

  /** Nothing gets there: that is not for the node to answer for. */
  pause(): void {
    this.#paused = true;
    this.#begin();
  }

  resume(): void {
    this.#paused = false;
    this.#look();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#patience);
    clearTimeout(this.#again);
  }

  #look(): void {
    const { maxBehind, maxBehindSize, patience } = this.options;
    if (this.#closed) return;
    if (ASK * this.#items >= maxBehind || ASK * this.#size >= maxBehindSize) this.#ask();
    if (!this.hasRoom && !this.#paused)
      this.#patience ??= setTimeout(() => this.#setStuck(true), patience).unref();
  }

  /** It has as long as at first. */
  #begin(): void {
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#setStuck(false);
  }

  #ask(): void {
    if (this.#asking || this.#again) return;
    this.#asking = true;
    const answer = this.events.ask();
    const [epoch, items, size] = [this.#epoch, this.#items, this.#size];
    answer.then(
      () => {
        if (this.#epoch === epoch) this.#heard(items, size);
      },
      () => {
        if (this.#epoch === epoch) this.#asking = false;
        this.#askAgain();
      },
    );
  }

  #askAgain(): void {
    if (this.#closed) return;
    this.#again ??= setTimeout(() => {
      this.#again = undefined;
      this.#look();
    }, ASK_AGAIN).unref();
  }

  #heard(items: number, size: number): void {
    if (this.#closed) return;
    this.#asking = false;
    this.#items -= items;
    this.#size -= size;
    this.#begin();
    this.#look();
    if (this.hasRoom) this.events.free();
  }

  #setStuck(isStuck: boolean): void {
    if (this.#isStuck === isStuck) return;
    this.#isStuck = isStuck;
    this.events.stuck(isStuck);
    if (isStuck) this.events.free();
  }
}
