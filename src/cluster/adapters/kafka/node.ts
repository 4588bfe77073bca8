import type { AdapterLog, AdapterState, DeadLetter, NodeId, OnState, Receive } from "../../adapter.js";
import { Adoption } from "./adoption.js";
import { Claims } from "./claims.js";
import { Client } from "./client.js";
import { Committer } from "./committer.js";
import { DeadLetters } from "./dead-letters.js";
import { Health } from "./health.js";
import { type Bury, Lanes } from "./lanes.js";
import { Ledger } from "./ledger.js";
import type { Note } from "./link.js";
import { Names } from "./names.js";
import { quietly } from "./notes.js";
import type { KafkaOptions } from "./options.js";
import { Outboxes } from "./outboxes.js";
import { Reader } from "./reader.js";
import { type After, SendOrder } from "./send-order.js";
import { closeMailbox, configOf, isThere, makeTopic, removeMailbox } from "./topics.js";
import { afterOf, following, toMessage, toRecord } from "./wire.js";

/** For so many keys the order between messages to all and those to one node is kept. */
const ORDERED_KEYS = 10_000;

/** A node that has joined a deployment. */
export class KafkaNode {
  readonly #names: Names;
  readonly #note: Note;
  readonly #client: Client;
  readonly #health: Health;
  readonly #outboxes: Outboxes;
  readonly #deadLetters: DeadLetters;
  readonly #claims: Claims;
  readonly #lanes: Lanes;
  readonly #order: SendOrder;
  readonly #adoptions = new Map<NodeId, Adoption>();
  readonly #readers: Reader[] = [];
  #committer: Committer | undefined;
  /** There is a mailbox. */
  #made = false;
  #sent = 0;
  #ending = false;

  private constructor(
    readonly self: NodeId,
    receive: Receive,
    private readonly state: OnState,
    private readonly options: KafkaOptions,
    private readonly log: AdapterLog,
  ) {
    this.#names = new Names(options.prefix);
    this.#note = quietly(log);
    this.#client = this.#newClient();
    this.#health = new Health(options.patience, (now, why) => this.#tell(now, why));
    this.#outboxes = new Outboxes(this.#client, options, () => this.#health.down);
    const ledger = (topic: string) =>
      new Ledger(this.#client, topic, this.#outboxes.of(topic), () =>
        makeTopic(this.#client, topic, configOf("ledger", options), this.#client.closed),
      );
    const { maxBackoff, deadLetters, sendTimeout } = options;
    this.#deadLetters = new DeadLetters(
      ledger(this.#names.deadLetters),
      deadLetters,
      maxBackoff,
      sendTimeout,
    );
    this.#claims = new Claims(ledger(this.#names.claims), (node) =>
      isThere(this.#client, this.#names.mailbox(node)),
    );
    this.#order = new SendOrder(this.#names.broadcast, ORDERED_KEYS, options.queue);
    this.#lanes = new Lanes(options, receive, this.#buryFor(self));
  }

  /** @throws Error when there is a node of that name, or no broker */
  static async join(
    self: NodeId,
    receive: Receive,
    state: OnState,
    options: KafkaOptions,
    log: AdapterLog,
  ): Promise<KafkaNode> {
    const node = new KafkaNode(self, receive, state, options, log);
    try {
      await node.#join(AbortSignal.timeout(options.startTimeout));
      return node;
    } catch (error) {
      if (node.#made) await node.#remove(AbortSignal.timeout(options.requestTimeout));
      node.vanish();
      throw error;
    }
  }

  async #join(until: AbortSignal): Promise<void> {
    const { broadcast, deadLetters, claims } = this.#names;
    const make = (topic: string, kind: "ledger" | "broadcast" | "mailbox") =>
      makeTopic(this.#client, topic, configOf(kind, this.options), until);
    await make(broadcast, "broadcast");
    await Promise.all([make(deadLetters, "ledger"), make(claims, "ledger")]);
    // What is sent to all from here on is heard.
    const from = await this.#client.persist((link) => link.endOf(broadcast), until);
    const mailbox = this.#names.mailbox(this.self);
    await this.#makeMailbox(mailbox, until);
    await make(mailbox, "mailbox");
    const own = this.#read(mailbox, 0);
    this.#readers.push(own, this.#read(broadcast, from));
    this.#committer = new Committer(this.#client, mailbox, own.progress, this.options);
    this.state("up");
  }

  /** Where a broker is lost before it has answered, it may have made the topic: what was not there before is this node's then. */
  async #makeMailbox(mailbox: string, until: AbortSignal): Promise<void> {
    const isFree = !(await this.#client.persist((link) => link.hasTopic(mailbox), until));
    if (isFree) {
      const config = configOf("mailbox", this.options);
      await this.#client.persist(async (link) => {
        const wasAsked = this.#made;
        this.#made = true;
        this.#made = (await link.createTopic(mailbox, config)) || wasAsked;
      }, until);
    }
    if (!this.#made) throw new Error(`the node ${this.self} is there already`);
  }

  async send(to: NodeId | "*", key: string, body: Uint8Array): Promise<void> {
    const away = this.#health.down;
    if (away) throw new Error("the broker is away", { cause: away });
    this.#sent += 1;
    const { self } = this;
    const record = toRecord({ id: `${self}-${this.#sent}`, from: self, key }, body);
    const topic = to === "*" ? this.#names.broadcast : this.#names.mailbox(to);
    const put = (after: After) => this.#outboxes.of(topic).send(following(record, after));
    await this.#order.send(topic, key, put);
  }

  /** @returns the number of messages drained, of this node and of those that it was adopting itself. */
  async adopt(dead: NodeId, receive: Receive): Promise<number> {
    // A second call finds somebody else at it.
    if (this.#adoptions.has(dead) || dead === this.self) return 0;
    const adoption = new Adoption({
      dead,
      heir: this.self,
      topic: this.#names.mailbox(dead),
      client: this.#client,
      newClient: () => this.#newClient(),
      claims: this.#claims,
      lanes: new Lanes(this.options, receive, this.#buryFor(dead)),
      options: this.options,
    });
    this.#adoptions.set(dead, adoption);
    try {
      const drained = await adoption.run();
      let more = 0;
      for (const left of await this.#claims.of(dead)) {
        more += await this.adopt(left, receive);
        await this.#claims.drop({ dead: left, heir: dead });
      }
      return drained + more;
    } finally {
      this.#adoptions.delete(dead);
    }
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    return (await this.#deadLetters.list()).slice(0, limit);
  }

  dropDeadLetter(id: string): Promise<boolean> {
    return this.#deadLetters.drop(id);
  }

  /** What was sent to it is received, then its mailbox goes. While the broker is away it stays, for others to adopt. */
  async leave(): Promise<void> {
    this.#ending = true;
    await this.#outboxes.flush();
    const { lost } = this.#health;
    const whenLost = new Promise<void>((resolve) => {
      if (lost.aborted) resolve();
      lost.addEventListener("abort", () => resolve(), { once: true });
    });
    const adoptions = Promise.allSettled([...this.#adoptions.values()].map(({ done }) => done));
    await Promise.race([whenLost, adoptions]);
    await Promise.all([...this.#adoptions.values()].map((adoption) => adoption.abandon()));
    const drained = lost.aborted ? false : await Promise.race([whenLost, this.#drain(lost)]);
    await this.#lanes.end();
    if (drained === true) await this.#remove(lost);
    else await this.#committer?.flush().catch(() => undefined);
    await this.#outboxes.flush();
    this.vanish();
  }

  /** @returns whether everything was received. */
  async #drain(until: AbortSignal): Promise<boolean> {
    const [own, all] = this.#readers;
    try {
      const heard = await this.#client.persist((link) => link.endOf(this.#names.broadcast), until);
      const end = await closeMailbox(this.#client, this.#names.mailbox(this.self), this.options, until);
      if (end === undefined) return false;
      await Promise.all([own.progress.reached(end), all.progress.reached(heard)]);
      return true;
    } catch (error) {
      this.log.warn({ error: String(error) }, "the mailbox was left for others to adopt");
      return false;
    }
  }

  async #remove(until: AbortSignal): Promise<void> {
    // Nobody is to miss it.
    for (const reader of this.#readers) reader.close();
    this.#committer?.close();
    try {
      await removeMailbox(this.#client, this.#names.mailbox(this.self), until);
    } catch (error) {
      this.log.warn({ error: String(error) }, "the empty mailbox was left for others to remove");
    }
  }

  /** Ends as the process does on `kill -9`: nothing is removed, nothing more is done. */
  vanish(): void {
    this.#ending = true;
    this.#lanes.abandon();
    for (const adoption of this.#adoptions.values()) adoption.vanish();
    for (const reader of this.#readers) reader.close();
    this.#committer?.close();
    this.#health.close();
    this.#client.close();
  }

  #read(topic: string, from: number): Reader {
    return new Reader(this.#newClient(), topic, from, this.options, {
      take: (record, done) => {
        const message = toMessage(record);
        // To all but the sender.
        if (!message || (topic === this.#names.broadcast && message.from === this.self)) done();
        else this.#lanes.add(topic, message, done, this.#before(afterOf(record)));
      },
      health: (error) => this.#health.report(topic, error),
      gone: () =>
        this.#health.end(new Error(`${topic} is no more: the node was adopted, or the broker has lost it`)),
    });
  }

  /** Resolves when what is named was dealt with; undefined when it was. */
  #before(after: Record<string, number> | undefined): Promise<void> | undefined {
    if (!after) return undefined;
    for (const { topic, progress } of this.#readers) {
      const offset = after[topic];
      if (offset !== undefined && !progress.isDone(offset)) return progress.whenDone(offset);
    }
    return undefined;
  }

  #buryFor(to: NodeId): Bury {
    return (message, reason, signal) => this.#deadLetters.add(to, message, reason, signal);
  }

  #newClient(): Client {
    const anchor = { topic: this.#names.broadcast, config: configOf("broadcast", this.options) };
    return new Client(this.options, anchor, this.#note);
  }

  #tell(now: AdapterState, why?: Error): void {
    if (now === "up") this.log.info({}, "Kafka can be reached again");
    else if (now === "down") this.log.warn({ error: String(why) }, "Kafka cannot be reached");
    if (!this.#ending) this.state(now, why);
  }
}
