import type { OnState } from "../../adapter.js";

/** Whether the broker can be reached, from what those say who use it. */
export class Health {
  readonly #troubles = new Map<string, { error: Error; timer: NodeJS.Timeout }>();
  #down: Error | undefined;
  #final = false;
  #lost = new AbortController();

  /** @param patience ms for which it may be away */
  constructor(
    private readonly patience: number,
    private readonly tell: OnState,
  ) {}

  /** Why it is away, when it is. */
  get down(): Error | undefined {
    return this.#down;
  }

  /** Given when it is away the next time; when it is away now, given already. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** @param error of the last attempt; undefined when it went well */
  report(source: string, error: Error | undefined): void {
    const trouble = this.#troubles.get(source);
    if (!error) {
      if (!trouble) return;
      clearTimeout(trouble.timer);
      this.#troubles.delete(source);
      if (this.#troubles.size === 0) this.#up();
    } else if (trouble) trouble.error = error;
    else {
      const timer = setTimeout(() => this.#lose(this.#troubles.get(source)?.error ?? error), this.patience);
      this.#troubles.set(source, { error, timer });
    }
  }

  /** It will not come back. */
  end(error: Error): void {
    this.#final = true;
    if (!this.#down) this.#lost.abort(error);
    this.#down = error;
    this.tell("gone", error);
  }

  /** Says nothing any more. */
  close(): void {
    for (const { timer } of this.#troubles.values()) clearTimeout(timer);
    this.#troubles.clear();
    this.#final = true;
    this.#down ??= new Error("the node has ended");
  }

  #lose(error: Error): void {
    if (this.#down) return;
    this.#down = error;
    this.#lost.abort(error);
    this.tell("down", error);
  }

  #up(): void {
    if (!this.#down || this.#final) return;
    this.#down = undefined;
    this.#lost = new AbortController();
    this.tell("up");
  }
}
