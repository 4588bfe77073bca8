import { randomUUID } from "node:crypto";
import type { KeyValueStore } from "../../src/plugin/api.js";

/** ms */
const BEAT = 60_000;

/**
 * Until when one run of the server is known to have lived, on one node for one domain: written now and then, so that it is
 * there when the server was killed and could write nothing more.
 */
export class Life {
  readonly name = randomUUID();
  #timer: NodeJS.Timeout | undefined;

  /** @param failed is told what kept a sign of life from being written. */
  constructor(
    private readonly signs: Pick<KeyValueStore<number>, "get" | "set">,
    private readonly failed: (error: unknown) => void,
    private readonly beat = BEAT,
  ) {}

  /** Gives signs of life from now on; before, they matter to nobody. */
  begin(): void {
    this.#timer ??= setInterval(() => void this.#sign(Date.now()), this.beat).unref();
  }

  /** It ends in order, so nobody will ask. */
  async end(): Promise<void> {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    await this.#sign(undefined);
  }

  /** When a run lived last, ms since 1970; undefined where it ended before its first beat, or in order. */
  lastSign(name: string): Promise<number | undefined> {
    return this.signs.get(undefined, name);
  }

  async #sign(at: number | undefined): Promise<void> {
    try {
      await this.signs.set(undefined, this.name, at);
    } catch (error) {
      this.failed(error);
    }
  }
}
