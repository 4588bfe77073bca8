import type { Channel, ConsumeMessage } from "amqplib";
import type { AdapterLog, NodeId } from "../../adapter.js";
import { Acks } from "./acks.js";
import { unless } from "./backoff.js";
import type { Lanes } from "./lanes.js";
import type { Link } from "./link.js";
import type { Names } from "./names.js";
import type { RabbitOptions } from "./options.js";
import { removeMailbox, unconsumed } from "./topology.js";
import { toMessage } from "./wire.js";

export interface MailboxParts {
  /** Whose it is. */
  owner: NodeId;
  names: Names;
  lanes: Lanes;
  options: RabbitOptions;
  log: AdapterLog;
  /** There was a mark in it that was not awaited; `done` takes it out. */
  marked: (done: () => void) => void;
  /** The broker hands out nothing more from it. */
  cancelled: (link: Link) => void;
}

/** Reads a node's queue: its own, or that of one that is dead. */
export class Mailbox {
  readonly queue: string;
  #consuming: { link: Link; channel: Channel; acks: Acks } | undefined;
  #awaited: { mark: string; resolve: () => void } | undefined;
  #closing = false;

  constructor(private readonly parts: MailboxParts) {
    this.queue = parts.names.mailbox(parts.owner);
  }

  /** Reads it over this link, as soon as nobody else does. What is read goes into the lanes. */
  async open(link: Link): Promise<void> {
    const { options, log } = this.parts;
    if (!(await unconsumed(link, this.queue, options)))
      log.warn({ queue: this.queue }, "read while another connection reads it");
    const channel = await link.channel();
    const acks = new Acks(channel);
    channel.once("close", () => {
      if (!this.#closing) link.lose(new Error(`the channel of ${this.queue} was closed`));
    });
    await channel.prefetch(options.prefetch);
    this.#consuming = { link, channel, acks };
    await channel.consume(this.queue, (delivery) => {
      if (delivery) this.#take(delivery, acks);
      else if (!this.#closing) this.parts.cancelled(link);
    });
  }

  /** Resolves when this mark was read. */
  whenRead(mark: string): Promise<void> {
    return new Promise((resolve) => {
      this.#awaited = { mark, resolve };
    });
  }

  /**
   * Receives everything that is left, and removes the queue.
   * @param read resolves when the mark was read, behind which there is nothing
   * @throws Error when the link is lost before
   */
  async empty(link: Link, read: Promise<void>): Promise<void> {
    const { lanes, options } = this.parts;
    await unless(link.lost, read);
    for (;;) {
      // Also what somebody sent just before the queue was closed and the broker put behind the mark.
      await unless(link.lost, lanes.settled());
      this.#consuming?.acks.flush();
      // From here on it may end.
      this.#closing = true;
      if (await removeMailbox(link, this.queue, options)) break;
      this.#closing = false;
    }
    await this.close();
  }

  /** Reads nothing more. What was not done is handed to the next who reads. */
  async close(): Promise<void> {
    this.#closing = true;
    const consuming = this.#consuming;
    this.#consuming = undefined;
    if (!consuming) return;
    consuming.acks.flush();
    consuming.acks.end();
    // One that has ended with its link is closed.
    await unless(consuming.link.lost, consuming.channel.close()).catch(() => undefined);
  }

  #take({ content, fields }: ConsumeMessage, acks: Acks): void {
    const { lanes, owner, names, log } = this.parts;
    const done = acks.delivered(fields.deliveryTag);
    const read = toMessage(content);
    if (!read) {
      log.warn({ queue: this.queue }, "what no node of this version has sent was thrown away");
      done();
    } else if ("mark" in read) {
      if (this.#awaited?.mark !== read.mark) this.parts.marked(done);
      else {
        done();
        this.#awaited.resolve();
      }
    }
    // To all but the sender.
    else if (fields.exchange === names.all && read.message.from === owner) done();
    else lanes.add(read.message, done);
  }
}
