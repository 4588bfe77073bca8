import type { NodeId } from "../../adapter.js";
import type { Claims } from "./claims.js";
import type { Client } from "./client.js";
import { Committer } from "./committer.js";
import type { Lanes } from "./lanes.js";
import type { KafkaOptions } from "./options.js";
import { Reader } from "./reader.js";
import { closeMailbox, isThere, removeMailbox } from "./topics.js";
import { toMessage } from "./wire.js";

export interface AdoptionParts {
  dead: NodeId;
  heir: NodeId;
  /** The dead node's mailbox. */
  topic: string;
  client: Client;
  /** For reading. */
  newClient: () => Client;
  claims: Claims;
  lanes: Lanes;
  options: KafkaOptions;
}

/** Receives in a dead node's place what it had not received, and removes its mailbox. */
export class Adoption {
  readonly #end = new AbortController();
  readonly #ended = new Promise<never>((_resolve, reject) => {
    this.#end.signal.addEventListener("abort", () => reject(this.#end.signal.reason), { once: true });
  });
  #reader: Reader | undefined;
  #committer: Committer | undefined;
  #done: Promise<number> | undefined;

  constructor(private readonly parts: AdoptionParts) {
    // Who does not wait for it is not to be told.
    this.#ended.catch(() => undefined);
  }

  get done(): Promise<number> | undefined {
    return this.#done;
  }

  /** @returns the number of messages; 0 when there is no such node or somebody else adopts it. */
  run(): Promise<number> {
    this.#done ??= Promise.race([this.#ended, this.#run()]);
    return this.#done;
  }

  async #run(): Promise<number> {
    const { topic, client, claims, dead, heir, options } = this.parts;
    const until = this.#end.signal;
    if (!(await isThere(client, topic, until))) return 0;
    if (!(await claims.make({ dead, heir }))) return 0;
    const end = await closeMailbox(client, topic, options, until);
    const drained = end === undefined ? 0 : await this.#drain(end);
    if (end !== undefined) await removeMailbox(client, topic, until);
    await claims.drop({ dead, heir });
    return drained;
  }

  async #drain(end: number): Promise<number> {
    const { topic, client, newClient, lanes, options } = this.parts;
    const from = await client.persist((link) => link.committed(topic), this.#end.signal);
    let drained = 0;
    const reader = new Reader(newClient(), topic, from, options, {
      take: (record, done) => {
        const message = toMessage(record);
        if (!message) return done();
        lanes.add(topic, message, () => {
          drained += 1;
          done();
        });
      },
      // It goes on when the broker is back.
      health: () => undefined,
      gone: () => this.#end.abort(new Error(`${topic} is no more`)),
    });
    this.#reader = reader;
    this.#committer = new Committer(client, topic, reader.progress, options);
    try {
      await Promise.race([this.#ended, reader.progress.reached(end)]);
      return drained;
    } finally {
      reader.close();
      this.#committer.close();
    }
  }

  /** Lets running receives finish; what is left stays for another. */
  async abandon(): Promise<void> {
    this.#end.abort(new Error("the node has stopped"));
    await this.parts.lanes.end();
    await this.#committer?.flush().catch(() => undefined);
    this.vanish();
  }

  /** Ends at once. */
  vanish(): void {
    this.#end.abort(new Error("the node has stopped"));
    this.parts.lanes.abandon();
    this.#reader?.close();
    this.#committer?.close();
  }
}
