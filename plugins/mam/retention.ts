import type { PluginContext } from "../../src/plugin/api.js";

/** Messages that one step looks at, so that nobody notices it. */
const STEP = 400;
/** ms from one step to the next, and from one walk to the next. */
const BETWEEN_STEPS = 100;
const BETWEEN_WALKS = 10 * 60_000;

/** Takes messages out of archives when their time is up, oldest first, a few at a time. */
export class Retention {
  /** Up to here nothing is left to be done. */
  #done = 0;
  #timer: NodeJS.Timeout | undefined;
  #step: Promise<boolean> = Promise.resolve(true);
  #stopped = false;

  /** @param expireAfter ms */
  constructor(
    private readonly ctx: Pick<PluginContext, "archive" | "domain" | "log" | "storage">,
    private readonly expireAfter: number,
  ) {}

  start(): void {
    this.#again(BETWEEN_STEPS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#step;
  }

  /** @returns whether it came to the end. */
  async step(): Promise<boolean> {
    const before = this.ctx.archive.firstIdAt(Date.now() - this.expireAfter);
    const next = await this.ctx.storage.archive.expire(this.ctx.domain, this.#done, before, STEP);
    // What has been looked at and is still there belongs to others.
    this.#done = next ?? Math.max(this.#done, before - 1);
    return next === undefined;
  }

  #again(after: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#step = this.step().catch((error: unknown) => {
        this.ctx.log.error({ err: error }, "old messages could not be taken out of archives");
        return true;
      });
      void this.#step.then((ended) => this.#again(ended ? BETWEEN_WALKS : BETWEEN_STEPS));
    }, after).unref();
  }
}
