import { Jid, type PluginContext } from "../../src/plugin/api.js";
import type { UploadFolder } from "./folder.js";
import { LONGEST_UPLOAD } from "./receive.js";

/** Uploads that one step looks at, so that nobody notices it. */
const STEP = 50;
/** ms from one step to the next, and from one walk through all uploads to the next. */
const BETWEEN_STEPS = 500;
const BETWEEN_WALKS = 10 * 60_000;

/** Removes files whose time is up or whose owner is gone, a few at a time. */
export class Sweeper {
  #walk: AsyncGenerator<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #step: Promise<boolean> = Promise.resolve(true);

  constructor(
    private readonly ctx: Pick<PluginContext, "account" | "log">,
    private readonly folder: UploadFolder,
  ) {}

  start(): void {
    this.#again(BETWEEN_STEPS);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#step;
    await this.#walk?.return(undefined);
  }

  /** @returns whether it came to the end of all uploads. */
  async step(): Promise<boolean> {
    this.#walk ??= this.#lookAtAll();
    for (let looked = 0; looked < STEP; looked++) {
      if ((await this.#walk.next()).done) {
        this.#walk = undefined;
        return true;
      }
    }
    return false;
  }

  #again(after: number): void {
    this.#timer = setTimeout(() => {
      this.#step = this.step().catch((error: unknown) => {
        this.ctx.log.error({ err: error }, "old uploads could not be removed");
        this.#walk = undefined;
        return true;
      });
      void this.#step.then((ended) => {
        if (!this.#stopped) this.#again(ended ? BETWEEN_WALKS : BETWEEN_STEPS);
      });
    }, after);
    this.#timer.unref();
  }

  async *#lookAtAll(): AsyncGenerator<void> {
    let failed = false;
    for await (const id of this.folder.ids()) {
      try {
        if (await this.#isOver(id)) await this.folder.remove(id);
      } catch (error) {
        // Told once a walk: it may be the same with all, such as a database that is away.
        if (!failed) this.ctx.log.error({ err: error, upload: id }, "an upload could not be looked at");
        failed = true;
      }
      yield;
    }
    for await (const id of this.folder.leftOver(longAgo())) {
      await this.folder.clear(id);
      yield;
    }
  }

  async #isOver(id: string): Promise<boolean> {
    const about = await this.folder.about(id);
    if (!about) return this.#isLost(id);
    const owner = Jid.tryParse(about.owner);
    return about.until <= Date.now() || !owner || (await this.ctx.account(owner)) === undefined;
  }

  /** What nothing is known of any more, nobody can be given, and it would be there for good. */
  async #isLost(id: string): Promise<boolean> {
    if (!(await this.folder.isOlder(id, longAgo()))) return false;
    this.ctx.log.warn({ upload: id }, "a damaged upload is removed");
    return true;
  }
}

/** Twice as long as any upload takes: what is older, nobody works on. */
function longAgo(): number {
  return Date.now() - 2 * LONGEST_UPLOAD;
}
