import type { Client } from "./client.js";
import type { KafkaOptions } from "./options.js";
import type { Progress } from "./progress.js";

/**
 * Notes on the broker how far a mailbox was received, and lets it delete what comes before that. A note that fails is made
 * up for by the next one.
 */
export class Committer {
  readonly #timer: NodeJS.Timeout;
  #committed = 0;
  #trimmed = 0;
  #trimAt: number;
  #busy: Promise<void> | undefined;

  constructor(
    private readonly client: Client,
    private readonly topic: string,
    private readonly progress: Progress,
    private readonly options: Pick<KafkaOptions, "commitInterval" | "trimInterval">,
  ) {
    this.#committed = progress.position;
    this.#trimAt = Date.now() + options.trimInterval;
    this.#timer = setInterval(() => this.#tick(), options.commitInterval);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Notes how far it is now. It may fail, as the broker may be away. */
  async flush(): Promise<void> {
    await this.#busy;
    await this.#commit();
  }

  #tick(): void {
    this.#busy ??= this.#work().finally(() => {
      this.#busy = undefined;
    });
  }

  async #work(): Promise<void> {
    try {
      await this.#commit();
      if (Date.now() < this.#trimAt || this.#committed === this.#trimmed) return;
      this.#trimAt = Date.now() + this.options.trimInterval;
      const offset = this.#committed;
      await this.client.run((link) => link.trim(this.topic, offset));
      this.#trimmed = offset;
    } catch {
      // The broker is away or the mailbox is gone: its reader finds that out and tells.
    }
  }

  async #commit(): Promise<void> {
    const { position } = this.progress;
    if (position === this.#committed) return;
    await this.client.run((link) => link.commit(this.topic, position));
    this.#committed = position;
  }
}
