import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { AdapterLog, AdapterState, DeadLetter, NodeId, OnState, Receive } from "../../adapter.js";
import { Adoption } from "./adoption.js";
import { unless } from "./backoff.js";
import { DeadLetters } from "./dead-letters.js";
import { type Bury, Lanes } from "./lanes.js";
import { Gone, Line } from "./line.js";
import type { Link } from "./link.js";
import { Mailbox } from "./mailbox.js";
import { Names } from "./names.js";
import type { RabbitOptions } from "./options.js";
import { Outbox } from "./outbox.js";
import {
  closeMailbox,
  declareDeployment,
  isLockedBySomebody,
  isThere,
  makeMailbox,
  openMailbox,
} from "./topology.js";
import { toContent, toMark } from "./wire.js";

/** A node that has joined a deployment. */
export class RabbitNode {
  readonly #names: Names;
  readonly #line: Line;
  readonly #outbox: Outbox;
  readonly #deadLetters: DeadLetters;
  readonly #lanes: Lanes;
  readonly #mailbox: Mailbox;
  readonly #adoptions = new Map<NodeId, Adoption>();
  #sent = 0;
  /** How far its mailbox is made. */
  #made: "no" | "begun" | "yes" = "no";
  #ending = false;
  #tending: Promise<void> | undefined;

  private constructor(
    readonly self: NodeId,
    receive: Receive,
    private readonly state: OnState,
    private readonly options: RabbitOptions,
    private readonly log: AdapterLog,
  ) {
    this.#names = new Names(options.prefix);
    this.#line = new Line(
      options,
      (link) => this.#prepare(link),
      (now, why) => this.#tell(now, why),
    );
    this.#outbox = new Outbox(options, (why) => this.#line.doubt(why));
    this.#deadLetters = new DeadLetters(this.#line, this.#outbox, this.#names, options);
    this.#lanes = new Lanes(options, receive, this.#buryFor(self));
    this.#mailbox = new Mailbox({
      owner: self,
      names: this.#names,
      lanes: this.#lanes,
      options,
      log,
      // It stays there for the heir.
      marked: () => void this.#retire(),
      cancelled: (link) => void this.#cancelled(link),
    });
  }

  /** @throws Error when there is a node of that name, or no broker */
  static async join(
    self: NodeId,
    receive: Receive,
    state: OnState,
    options: RabbitOptions,
    log: AdapterLog,
  ): Promise<RabbitNode> {
    const node = new RabbitNode(self, receive, state, options, log);
    try {
      await node.#line.start(AbortSignal.timeout(options.startTimeout));
    } catch (error) {
      node.vanish();
      throw error;
    }
    state("up");
    void node.#tend();
    return node;
  }

  async send(to: NodeId | "*", key: string, body: Uint8Array, durable: boolean): Promise<void> {
    const { down } = this.#line;
    if (down) throw new Error("the broker is away", { cause: down });
    this.#sent += 1;
    const content = toContent(this.#sent, this.self, key, body);
    const { nodes, all } = this.#names;
    if (to === "*") await this.#outbox.send(all, "", content, { mandatory: false, persistent: durable });
    else
      await this.#outbox.send(nodes, this.#names.routingKey(to), content, {
        mandatory: true,
        persistent: durable,
      });
  }

  async adopt(dead: NodeId, receive: Receive): Promise<number> {
    // A second call finds somebody else at it.
    if (this.#adoptions.has(dead) || dead === this.self) return 0;
    const adoption = new Adoption({
      dead,
      line: this.#line,
      outbox: this.#outbox,
      names: this.#names,
      lanes: new Lanes(this.options, receive, this.#buryFor(dead)),
      options: this.options,
      log: this.log,
    });
    this.#adoptions.set(dead, adoption);
    try {
      return await adoption.run();
    } finally {
      this.#adoptions.delete(dead);
    }
  }

  deadLetters(limit: number): Promise<DeadLetter[]> {
    return this.#deadLetters.list(limit);
  }

  dropDeadLetter(id: string): Promise<boolean> {
    return this.#deadLetters.drop(id);
  }

  /** What was sent to it is received, then its mailbox goes. While the broker is away it stays, for others to adopt. */
  async leave(): Promise<void> {
    this.#ending = true;
    await this.#tending;
    await this.#outbox.flush();
    const adoptions = [...this.#adoptions.values()];
    const adopted = Promise.allSettled(adoptions.map(({ done }) => done));
    // Without a broker they are left to others.
    if (!this.#line.down) await unless(this.#line.link.lost, adopted).catch(() => undefined);
    await Promise.all(adoptions.map((adoption) => adoption.abandon()));
    try {
      const { down, link } = this.#line;
      if (down) throw down;
      await this.#drain(link);
    } catch (error) {
      this.log.warn({ error: String(error) }, "the mailbox was left for others to adopt");
    }
    await this.#lanes.end();
    await this.#mailbox.close();
    await this.#outbox.flush();
    await this.#line.close();
  }

  async #drain(link: Link): Promise<void> {
    await closeMailbox(link, this.#names, this.self);
    const mark = randomUUID();
    const read = this.#mailbox.whenRead(mark);
    const { queue } = this.#mailbox;
    await this.#outbox.send("", queue, toMark(mark), { mandatory: true, persistent: true });
    await this.#mailbox.empty(link, read);
  }

  /** Ends as the process does on `kill -9`: nothing is removed, nothing more is done. */
  vanish(): void {
    this.#ending = true;
    this.#lanes.abandon();
    for (const adoption of this.#adoptions.values()) adoption.vanish();
    this.#line.end(new Error("the node has ended"));
  }

  /** All that the broker may have forgotten; but a mailbox that is gone was adopted, and is not made again. */
  async #prepare(link: Link): Promise<void> {
    const names = this.#names;
    const { queue } = this.#mailbox;
    await declareDeployment(link, names, this.options, (text) => this.log.warn({}, text));
    if (this.#made === "yes") await this.#openMailbox(link);
    else {
      if (this.#made === "no" && (await isThere(link, queue)))
        throw new Gone(`the node ${this.self} is there already`);
      this.#made = "begun";
      await makeMailbox(link, names, this.self, this.options);
      this.#made = "yes";
    }
    this.#outbox.use(link.publisher);
    await this.#mailbox.open(link);
  }

  /**
   * With an exchange somebody has deleted all that was bound to it. Who adopts the node locks its mailbox before he closes it: if it
   * was closed before it is opened here, the lock is seen, and what comes through the open one is his.
   * @throws Gone
   */
  async #openMailbox(link: Link): Promise<void> {
    const isAdopted = () => isLockedBySomebody(link, this.#names.adoptionLock(this.self));
    const opened = !(await isAdopted()) && (await openMailbox(link, this.#names, this.self));
    if (!opened || (await isAdopted())) throw this.#gone();
  }

  /** The others would not reach it, and it would not notice, when somebody deletes what they share. */
  async #tend(): Promise<void> {
    const { closed } = this.#line;
    while (!closed.aborted) {
      await wait(1000 * this.options.heartbeat, undefined, { signal: closed, ref: false }).catch(
        () => undefined,
      );
      if (this.#ending || this.#line.down) continue;
      this.#tending = this.#restore(this.#line.link);
      await this.#tending;
    }
  }

  async #restore(link: Link): Promise<void> {
    try {
      await declareDeployment(link, this.#names, this.options, () => undefined);
      await this.#openMailbox(link);
    } catch (error) {
      // Otherwise the link is lost, or this is tried again.
      if (error instanceof Gone) await this.#retire();
    }
  }

  /** Somebody adopts it. What it is receiving it goes on receiving, and leaves the rest. */
  async #retire(): Promise<void> {
    this.#line.bar(this.#gone());
    await this.#lanes.end();
    await this.#mailbox.close();
    this.#line.end(this.#gone());
  }

  /** Its queue was deleted, or has moved to another of the brokers. */
  async #cancelled(link: Link): Promise<void> {
    const there = await isThere(link, this.#mailbox.queue).catch(() => true);
    if (there) link.lose(new Error("the broker hands out no more messages"));
    else await this.#retire();
  }

  #gone(): Gone {
    return new Gone(`${this.#mailbox.queue} is no more: the node was adopted, or the broker has lost it`);
  }

  #buryFor(to: NodeId): Bury {
    return (message, reason, signal) => this.#deadLetters.add(to, message, reason, signal);
  }

  #tell(now: AdapterState, why?: Error): void {
    if (this.#ending) return;
    if (now === "up") this.log.info({}, "RabbitMQ can be reached again");
    else if (now === "down") this.log.warn({ error: String(why) }, "RabbitMQ cannot be reached");
    this.state(now, why);
  }
}
