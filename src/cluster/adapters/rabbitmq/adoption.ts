import { randomUUID } from "node:crypto";
import type { AdapterLog, NodeId } from "../../adapter.js";
import { unless } from "./backoff.js";
import type { Lanes } from "./lanes.js";
import type { Line } from "./line.js";
import type { Link } from "./link.js";
import { Mailbox } from "./mailbox.js";
import type { Names } from "./names.js";
import type { RabbitOptions } from "./options.js";
import type { Outbox } from "./outbox.js";
import { closeMailbox, isThere, lock, unlock } from "./topology.js";
import { toMark } from "./wire.js";

export interface AdoptionParts {
  dead: NodeId;
  line: Line;
  outbox: Outbox;
  names: Names;
  lanes: Lanes;
  options: RabbitOptions;
  log: AdapterLog;
}

/** Receives in a dead node's place what it had not received, and removes its mailbox. */
export class Adoption {
  readonly #end = new AbortController();
  #done: Promise<number> | undefined;
  #mailbox: Mailbox | undefined;

  constructor(private readonly parts: AdoptionParts) {}

  get done(): Promise<number> | undefined {
    return this.#done;
  }

  /** @returns the number of messages; 0 when there is no such node or somebody else adopts it. */
  run(): Promise<number> {
    this.#done ??= unless(this.#end.signal, this.#run());
    return this.#done;
  }

  async #run(): Promise<number> {
    const { line, lanes } = this.parts;
    for (;;) {
      const link = await line.whenUp(this.#end.signal);
      try {
        await this.#over(link);
        // When another has gone on with it, that one is given what is left here.
        await lanes.end();
        return lanes.done;
      } catch (error) {
        // It goes on when the broker is back.
        if (!link.lost.aborted || this.#end.signal.aborted) throw error;
      }
    }
  }

  async #over(link: Link): Promise<void> {
    const { dead, names } = this.parts;
    const name = names.adoptionLock(dead);
    // The lock goes with its owner's connection, so that another may go on.
    if (!(await lock(link, name))) return;
    try {
      if (await isThere(link, names.mailbox(dead))) await this.#drain(link);
    } finally {
      await unlock(link, name);
    }
  }

  async #drain(link: Link): Promise<void> {
    const { dead, names, lanes, options, log, outbox } = this.parts;
    const mailbox = new Mailbox({
      owner: dead,
      names,
      lanes,
      options,
      log,
      // Of one that tried before, or of the node when it was stopping.
      marked: (done) => done(),
      cancelled: () => link.lose(new Error(`the queue of ${dead} was deleted`)),
    });
    this.#mailbox = mailbox;
    await closeMailbox(link, names, dead);
    const mark = randomUUID();
    const read = mailbox.whenRead(mark);
    // If the node is not dead at all, it reads this and goes.
    await outbox.send("", mailbox.queue, toMark(mark), { mandatory: true, persistent: true });
    await mailbox.open(link);
    await mailbox.empty(link, read);
  }

  /** Lets running receives finish; what is left stays for another. */
  async abandon(): Promise<void> {
    this.#end.abort(new Error("the node has stopped"));
    await this.parts.lanes.end();
    await this.#mailbox?.close();
  }

  /** Ends at once. */
  vanish(): void {
    this.#end.abort(new Error("the node has stopped"));
    this.parts.lanes.abandon();
  }
}
