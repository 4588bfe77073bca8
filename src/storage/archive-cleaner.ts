import type { Logger } from "../log.js";
import type { ArchiveRepository } from "./types.js";

/** Messages taken out of an archive in one step, so that nobody notices it. */
const STEP = 200;
/** ms from one step to the next, and until it looks again when there is nothing to do. */
const BETWEEN_STEPS = 100;
const BETWEEN_LOOKS = 60_000;

/** Clears the archives of accounts that have been removed, a few messages at a time. */
export class ArchiveCleaner {
  #timer: NodeJS.Timeout | undefined;
  #step: Promise<boolean> = Promise.resolve(false);
  #stopped = false;

  constructor(
    private readonly archive: Pick<ArchiveRepository, "clear">,
    private readonly log: Logger,
  ) {}

  start(): void {
    this.#again(BETWEEN_STEPS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#step;
  }

  #again(after: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#step = this.archive.clear(STEP).catch((error: unknown) => {
        this.log.error({ err: error }, "archives of removed accounts could not be cleared");
        return false;
      });
      void this.#step.then((more) => this.#again(more ? BETWEEN_STEPS : BETWEEN_LOOKS));
    }, after).unref();
  }
}
