import { atMost } from "../at-most.js";
import { SetupError } from "../config/setup-error.js";
import type { Logger } from "../log.js";
import type { Nodes, Registry } from "../session/registry.js";
import type { Receipt, Resource } from "../session/session.js";
import type { MessageIds } from "../storage/message-id.js";
import type { Account, MessageRepository, NodeRepository } from "../storage/types.js";
import { type StreamCondition, StreamError } from "../xmpp/errors.js";
import { Jid } from "../xmpp/jid.js";
import { Stanza } from "../xmpp/stanza.js";
import type { ClusterAdapter, DeadLetter, NodeId } from "./adapter.js";
import { Directory } from "./directory.js";
import { decode, type Item, type Outcome, type StanzaItem, sizeOf, type Target } from "./envelope.js";
import { Homes } from "./homes.js";
import { Link, type LinkOptions } from "./link.js";
import { Members } from "./members.js";
import { Places } from "./places.js";
import { type Answerer, Questions } from "./questions.js";
import { GivenReceipt, SentReceipts } from "./receipts.js";
import { Recent } from "./recent.js";
import { Reception } from "./reception.js";
import { SharedRounds } from "./shared-rounds.js";

/** Everything between two nodes goes one way, in one order. */
const LANE = "";
/** ms for another node to answer. */
const ANSWER = 10_000;
/** ms for another node to deal with much that it was told, before it is asked anew. */
const DEALT_WITH = 60_000;
/** ms for others to write what they have. */
const FLUSHED = 2000;
/** ms for a node to answer that it has dealt with all that it was told; then it is asked again. */
const SETTLE = 1000;
/** Ends of a dead node's sessions that are told at a time. */
const LEFT_AT_ONCE = 50;
/** ms until it is looked again whether a node can be asked. */
const LOOK_AGAIN = 300;
/** Messages delivered on behalf of other nodes that are remembered. */
const MAX_DELIVERED = 25_000;
/** How many times `deadAfter` it is remembered on which nodes an account was. */
const MEMORY = 4;

export interface ClusterOptions {
  /** ms between signs of life where nothing else is sent. */
  beat: number;
  /** ms without any, after which a node counts as dead. */
  deadAfter: number;
  link: LinkOptions;
}

export interface ClusterParts {
  self: NodeId;
  adapter: ClusterAdapter;
  nodes: NodeRepository;
  messages: MessageRepository;
  /** Resolves when all messages given to the store so far are there. */
  flushed(): Promise<void>;
  /** What this node takes after something of another node's comes after that by its id, too, whatever their clocks say. */
  ids: Pick<MessageIds, "follow" | "last">;
  /** A message that another node gave to this one and cannot be told of any more was delivered. */
  settle(message: { account: Account; id: number }): void;
  options: ClusterOptions;
  log: Logger;
}

/** What the cluster has for the node it is on. */
export interface ClusterEvents {
  registry: Registry;
  /** A stanza for a resource that the sender's node believes to be here; undefined: it is nowhere. */
  given(resource: Resource | undefined, stanza: Stanza, receipt: Receipt | undefined, origin: NodeId): void;
  /** A stanza without a receipt that could not be sent: its node is gone, or too much waits for it. */
  lost(stanza: Stanza, why: "gone" | "full"): void;
  /** Messages for an account are in the store; `asked` of them were to wait there because this node said so. */
  stored(account: Jid, origin: NodeId, asked: number): void;
  /** Something may be waiting in the store for any session of this node. */
  look(): void;
  /** A node is gone; what it promised will not come. */
  gone(node: NodeId): void;
  /** Something that a node said is lost: what it promised may not come, and what waits may not be known. */
  missed(node: NodeId): void;
  /** A session of a dead node: this node, and no other, is to tell those who knew of it. */
  left(resource: Resource): Promise<void>;
  /** What a dead node has not done any more is completed. */
  inherit(node: NodeId, slot: number): Promise<void>;
  forget(account: Jid): void;
  told(topic: string, news: unknown): void;
  /** What plugins tell a node that is new here. */
  newcomersHear(): Iterable<[topic: string, news: unknown]>;
  /** The answer to a request of this node's. */
  answer(iq: Stanza): void;
  /** The others have taken this node for dead: it may not go on. */
  fenced(): void;
}

/** This node's part in the cluster: what it says to the others, and what they say to it. */
export class Cluster implements Nodes {
  readonly #members: Members;
  readonly #sent = new SentReceipts();
  readonly #questions = new Questions();
  readonly #reception: Reception;
  /** Kept messages that sessions of this node are being given on behalf of other nodes. */
  readonly #underWay = new Places<true>();
  /** And those that they were given last: their nodes may have freed them before they knew. */
  readonly #delivered = new Recent(MAX_DELIVERED);
  #isFenced = false;
  #directory!: Directory;
  #homes!: Homes;
  #events!: ClusterEvents;

  constructor(private readonly parts: ClusterParts) {
    const { self, adapter } = parts;
    this.#members = new Members({
      ...parts,
      makeLink: (node) =>
        new Link(node, (bytes) => adapter.send(node, LANE, bytes, { durable: true }), parts.options.link, {
          state: (broken, why) => this.#linkState(node, broken, why),
          anew: (why, stanzas) => this.#anew(node, why, stanzas),
          dealtWith: () => this.echo(node, DEALT_WITH),
          stuck: (isStuck) => this.#linkStuck(node, isStuck),
        }),
      greet: ({ link }) => link.tell(this.#tale()),
      dropped: (node) => this.#dropped(node),
      inherit: (node, slot) => this.#inherit(node, slot),
      inherited: (rows) => {
        this.#tellAll(["look"]);
        this.#look();
        void this.#tellLeft(rows);
      },
      fenced: () => {
        this.#isFenced = true;
        this.#events.fenced();
      },
      tellAll: (item) => this.#tellAll(item),
    });
    this.#reception = new Reception({
      heard: (from) => this.#members.heard(from),
      handle: (item, from) => this.#handle(item, from),
      missed: (from) => this.#missed(from),
      // A message that is kept waits for its recipient's next login.
      refused: (item, from) => {
        if (item[0] === "stanza" && item[3] !== 0) this.#members.get(from)?.link.putReceipt(item[3], "x");
      },
      sendSelf: (key, body) => adapter.send(self, key, body),
      log: parts.log,
    });
    this.answers("close", (payload) => this.#closeOwn(payload as CloseRequest));
    this.answers("echo", async () => true);
    this.answers("digest", async () => this.digest());
    this.answers("settle", async (whole) => {
      await this.#lanes.run();
      // What others had sent here is here now. What becomes of it there is to be written, too.
      if (whole) await this.#backs.run();
      return parts.ids.last;
    });
    this.answers("flushed", () => parts.flushed());
    this.self = self;
  }

  readonly self: NodeId;
  /** ms since 1970 */
  #unsettledUntil = 0;
  /** All that this node has said to others so far has been dealt with there. */
  readonly #lanes = new SharedRounds(() =>
    this.#members.allAnswer((node) => this.ask(node, "echo", null, SETTLE)),
  );
  /** And what they had to write is in the database. */
  readonly #backs = new SharedRounds(() =>
    this.#members.allAnswer((node) => this.ask(node, "flushed", null, SETTLE)),
  );
  /** What any node has said to any other so far has been dealt with. */
  readonly #everywhere = new SharedRounds(() =>
    this.#members.allAnswer((node) => this.#settledAt(node, false)),
  );

  /** Joins the others; resolves when this node knows the sessions of all that are there. */
  async start(events: ClusterEvents): Promise<void> {
    this.#events = events;
    this.#directory = new Directory(this.self, events.registry, (item) => this.#tellAll(item));
    this.#homes = new Homes(events.registry, MEMORY * this.parts.options.deadAfter);
    await this.#startAdapter();
    await this.#members.start();
    // What nodes held that are gone, and no heir has freed: they died with all others, or wrote it after their end.
    if (await this.#freeOrphans()) this.#tellAll(["look"]);
  }

  /** @throws SetupError: a broker that is not there, or does not let this node in, is for the admin */
  async #startAdapter(): Promise<void> {
    try {
      await this.parts.adapter.start(
        this.self,
        (message) => this.#reception.receive(message),
        (state, why) => {
          // What others said meanwhile is still to come.
          if (state === "up") this.#homes.forget();
          this.#members.adapterState(state, why);
        },
      );
    } catch (error) {
      // Of several addresses of one host Node.js tells the code alone.
      const { message, code } = error as Error & { code?: string };
      const reason = (message || String(code)).trim().replace(/\s+/g, " ");
      const sentence = `The broker of the cluster cannot be used (cluster.options): ${reason}.`;
      throw new SetupError(sentence, { cause: error });
    }
  }

  /** @returns whether there were any messages that nobody alive held. */
  async #freeOrphans(): Promise<boolean> {
    const members = await this.parts.nodes.list();
    const alive = members.filter(({ heir }) => heir === undefined).map(({ id }) => id);
    return this.parts.messages.releaseAll(alive);
  }

  /** Messages of a node that is gone have come to light, or may. */
  #look(): void {
    this.#unsettledUntil = Date.now() + this.parts.options.deadAfter;
    this.#events.look();
  }

  get isUnsettled(): boolean {
    return this.#unsettledUntil > 0 && Date.now() < this.#unsettledUntil;
  }

  async settled(account?: Jid): Promise<void> {
    const homes = account && this.#homes.of(account);
    if (homes) {
      const others = [...homes].filter((node) => node !== this.self);
      await Promise.all(others.map((node) => this.#members.answers(node, () => this.#settledAt(node, true))));
    }
    // What others had sent a node that is gone they deal with when they know.
    if (!homes || [...homes].some((node) => !this.alive.includes(node))) await this.#everywhere.run();
    if (!this.#members.hasLostAny) return;
    // One that was only stopped has taken messages up to its end, and nobody has inherited those.
    if (await this.#freeOrphans()) {
      this.#look();
      this.#tellAll(["look"]);
    }
  }

  /** @param whole what that node was told by others, too */
  async #settledAt(node: NodeId, whole: boolean): Promise<void> {
    const last = await this.ask(node, "settle", whole, SETTLE);
    if (typeof last === "number") this.parts.ids.follow(last);
  }

  /** Says good-bye, when all that was said before is safe, or cannot be. */
  async stop(): Promise<void> {
    const { adapter, nodes, log } = this.parts;
    // From its good-bye on, what it holds is anybody's: what was delivered must be known to be.
    await atMost(this.flushedHere(), FLUSHED);
    await this.#members.stop();
    if (this.#isFenced) {
      // Its mailbox and its place among the members are its heir's.
      await adapter
        .stop()
        .catch((error: unknown) => log.info({ err: error }, "the broker has let go of this node"));
      return;
    }
    await adapter.stop();
    await nodes.remove(this.self);
  }

  /** The process of another node has ended, as somebody knows who has seen it. */
  isDead(node: NodeId): void {
    this.#members.isDead(node);
  }

  get alive(): readonly string[] {
    return this.#members.alive;
  }

  /** The broker cannot be reached, and so nobody else. */
  get isCutOff(): boolean {
    return this.#members.adapter !== "up";
  }

  send(resource: Resource, stanza: Stanza, receipt?: Receipt): void {
    const peer = this.#members.get(resource.node);
    if (!peer || peer.link.overfull) {
      if (receipt) receipt.failed();
      else this.#events.lost(stanza, peer ? "full" : "gone");
      return;
    }
    const number = receipt ? this.#sent.add(peer.id, receipt) : 0;
    peer.link.putStanza(stanza, resource.jid, number, receipt?.kept);
  }

  async close(resource: Resource, error: StreamError): Promise<void> {
    const { jid, boundAt, node } = resource;
    const request: CloseRequest = [jid.text, boundAt, error.condition, error.text ?? null];
    try {
      await this.ask(node, "close", request);
    } catch (cause) {
      // A node that is gone has told everybody by that, or its heir does.
      if (this.#members.get(node)) throw cause;
    }
  }

  detours(node: string, account: Account): boolean {
    return this.#members.get(node)?.detours(account) ?? true;
  }

  refuses(node: string, account?: Account): boolean {
    const peer = this.#members.get(node);
    if (!peer) return false;
    return account ? peer.refuses(account) : peer.link.overfull;
  }

  stored(node: string, account: Account, asked: boolean): void {
    this.#members.get(node)?.stored(account, asked);
  }

  room(node: string): Promise<void> | undefined {
    return this.#members.get(node)?.link.room();
  }

  isUnderWay(messageId: number): boolean {
    return this.#underWay.get(messageId) === true;
  }

  hasDelivered(messageId: number): boolean {
    return this.#delivered.has(messageId);
  }

  forget(account: Jid): void {
    this.#tellAll(["forget", account.bareText]);
  }

  tell(topic: string, news: unknown): void {
    this.#tellAll(["news", topic, news]);
  }

  /** What this node had to write by now is in the database. */
  flushedHere(): Promise<void> {
    return this.parts.flushed();
  }

  async flushed(): Promise<void> {
    await this.askAll("flushed", null, FLUSHED);
  }

  async written(node: string): Promise<boolean> {
    if (await this.#members.answers(node, () => this.ask(node, "flushed", null, FLUSHED))) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
    return false;
  }

  /** Of each other node what it answers; one that refuses or does not answer is left out. */
  async askAll(kind: string, payload: unknown, deadline?: number): Promise<unknown[]> {
    const others = this.#members.all().map(({ id }) => this.ask(id, kind, payload, deadline));
    const settled = await Promise.allSettled(others);
    return settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  }

  /** What becomes of a stanza that is given to another node with an answer of this one's. */
  lend(node: NodeId, receipt: Receipt): number {
    return this.#sent.add(node, receipt);
  }

  /** The other end of `lend`. */
  borrowed(origin: NodeId, number: number, kept: Receipt["kept"]): Receipt {
    if (kept) this.#underWay.add(kept.id, true);
    return new GivenReceipt(this, origin, number, kept);
  }

  answered(iq: Stanza): boolean {
    // Ids of requests end in the name of the node that asked: router/requests.ts.
    const node = iq.id?.slice(iq.id.lastIndexOf("@") + 1);
    const peer = node === undefined ? undefined : this.#members.get(node);
    const text = iq.text();
    peer?.link.put(["iq", text], text.length + 100);
    return peer !== undefined;
  }

  /**
   * Asks another node.
   * @returns what it answers; rejects when it refuses, is gone, or does not answer in time
   */
  ask(node: NodeId, kind: string, payload: unknown, deadline = ANSWER): Promise<unknown> {
    const peer = this.#members.get(node);
    if (!peer) return Promise.reject(new Error(`there is no node ${node}`));
    return this.#questions.ask(node, deadline, (number) => {
      const item: Item = ["ask", number, kind, payload];
      peer.link.put(item, sizeOf(item));
    });
  }

  /** Resolves with ms to there and back when a node has handled all that it was told before. */
  async echo(node: NodeId, deadline?: number): Promise<number> {
    const asked = performance.now();
    await this.ask(node, "echo", null, deadline);
    return performance.now() - asked;
  }

  /** Who answers questions of a kind. */
  answers(kind: string, answerer: Answerer): void {
    this.#questions.answers(kind, answerer);
  }

  /** For admins: this node, and the others as it sees them. */
  status() {
    const sessions = new Map<NodeId, number>();
    for (const { node } of this.#events.registry.rows()) sessions.set(node, (sessions.get(node) ?? 0) + 1);
    return {
      node: this.self,
      sessions: this.#events.registry.size,
      adapter: this.#members.adapter,
      nodes: this.#members.all().map(({ id, lastHeard, link }) => ({
        node: id,
        sessions: sessions.get(id) ?? 0,
        silent: Date.now() - lastHeard,
        queued: link.queued,
        reachable: !link.broken,
      })),
    };
  }

  /** Of the sessions of all nodes, as this one knows them: the same on all nodes when nothing changes. */
  digest(): string {
    return this.#directory.digest();
  }

  /** The sessions of all nodes, as this one knows them. */
  sessions(): Iterable<Resource> {
    return this.#events.registry.rows();
  }

  /** Stanzas that other nodes have, and have not told the end of. */
  get awaited(): number {
    return this.#sent.size;
  }

  deadLetters(limit: number): Promise<DeadLetter[]> {
    return this.parts.adapter.deadLetters(limit);
  }

  dropDeadLetter(id: string): Promise<boolean> {
    return this.parts.adapter.dropDeadLetter(id);
  }

  /** Handles a dead letter as if it had just come. @throws what is wrong with it; then it stays. */
  async replay(letter: DeadLetter): Promise<void> {
    // Nobody waits for a receipt of it any more; and it is for a session wherever that is by now.
    for (const item of decode(letter.body).items) this.#handle(item, this.self);
    await this.parts.adapter.dropDeadLetter(letter.id);
  }

  #tellAll(item: Item): void {
    const size = sizeOf(item);
    for (const peer of this.#members.all()) peer.link.put(item, size);
  }

  #linkState(node: NodeId, broken: boolean, why: unknown): void {
    const { log } = this.parts;
    if (broken) log.warn({ node, err: why }, "another node cannot be reached; messages for it wait");
    else log.info({ node }, "another node can be reached again");
    if (broken) this.#sent.doubt(node);
    else this.#members.get(node)?.tellStored();
  }

  #linkStuck(node: NodeId, isStuck: boolean): void {
    const { log } = this.parts;
    if (isStuck) {
      log.warn({ node }, "another node does not get on with what it is told; messages for it wait");
    } else {
      log.info({ node }, "another node gets on again");
      this.#members.get(node)?.tellStored();
    }
  }

  #handle(item: Item, from: NodeId): void {
    switch (item[0]) {
      case "begin":
        this.#directory.begin(from);
        return;
      case "rows":
        for (const row of item[1]) this.#directory.put(row, from);
        return;
      case "all":
        this.#directory.all(from);
        this.#members.knows(from);
        return;
      case "row":
        this.#directory.put(item[1], from);
        return;
      case "end":
        this.#directory.end(item[1], from, item[2]);
        return;
      case "moved":
        this.#moved(from, item[1], item[2], item[3]);
        return;
      case "stanza":
        this.#given(item, from);
        return;
      case "receipts":
        for (const number of item[1]) this.#sent.tell(from, number, item[2]);
        return;
      case "stored":
        this.#events.stored(Jid.parse(item[1]), from, item[2]);
        return;
      case "look":
        this.#look();
        return;
      case "beat":
        return;
      case "again":
        this.#members.get(from)?.link.isMissing(item[1]);
        return;
      case "ask":
        void this.#reply(from, item[1], item[2], item[3]);
        return;
      case "answer":
        this.#questions.answered(from, item[1], item[2]);
        return;
      case "refuse":
        this.#questions.refused(from, item[1], item[2]);
        return;
      case "iq":
        this.#events.answer(Stanza.ofText(item[1]));
        return;
      case "news":
        this.#events.told(item[1], item[2]);
        return;
      case "gone":
        this.#members.isGone(item[1]);
        return;
      case "bye":
        this.#members.left(from);
        return;
      case "forget":
        this.#events.forget(Jid.parse(item[1]));
        return;
      default:
        throw new Error(`no such kind of item: ${String(item[0])}`);
    }
  }

  /** Not all at once: each asks the database for a roster, and is told to many. */
  async #tellLeft(rows: readonly Resource[]): Promise<void> {
    const { registry } = this.#events;
    // The dead node had given it away. If it has arrived, its new node's word of it is here by now.
    const isGivenAway = ({ node }: Resource) => this.alive.includes(node);
    if (rows.some(isGivenAway)) await this.#lanes.run();
    const left = rows.filter((row) => !isGivenAway(row) || registry.named(row.jid.text)?.node !== row.node);
    for (let start = 0; start < left.length; start += LEFT_AT_ONCE)
      await Promise.all(left.slice(start, start + LEFT_AT_ONCE).map((row) => this.#events.left(row)));
  }

  #moved(from: NodeId, full: string, to: NodeId, boundAt: number): void {
    const lost = this.#directory.moved(full, from, to, boundAt);
    if (lost) void this.#events.left(lost);
  }

  #given(item: StanzaItem, origin: NodeId): void {
    const [, text, targets, number, accountId, messageId] = item;
    if (messageId !== 0) this.parts.ids.follow(messageId);
    if (typeof targets !== "string") {
      for (const target of targets) this.#givenOne(text, target, number, accountId, messageId, origin);
    } else {
      this.#givenOne(text, targets, number, accountId, messageId, origin);
    }
  }

  #givenOne(
    text: string,
    target: Target,
    number: number,
    accountId: number,
    messageId: number,
    origin: NodeId,
  ): void {
    const [fullText, to] = typeof target === "string" ? [target, target] : target;
    const resource = this.#events.registry.named(fullText);
    const full = resource?.jid ?? Jid.parse(fullText);
    const stanza = Stanza.ofText(text, to === fullText ? full : addressOf(to));
    let receipt: Receipt | undefined;
    if (number !== 0) {
      const kept =
        messageId === 0 ? undefined : { account: { id: accountId, jid: full.bare }, id: messageId };
      receipt = this.borrowed(origin, number, kept);
    }
    this.#events.given(resource, stanza, receipt, origin);
  }

  /** For receipts of what this node was given. */
  became(origin: NodeId, number: number, outcome: Outcome, kept: Receipt["kept"]): void {
    if (kept) this.#underWay.delete(kept.id);
    if (kept && outcome === "d") this.#delivered.add(kept.id);
    const peer = this.#members.get(origin);
    if (peer) peer.link.putReceipt(number, outcome);
    else if (kept && outcome === "d") this.parts.settle(kept);
    // Its own node is gone, so it is nobody's: somebody else may get it.
    else if (kept) this.#events.look();
  }

  /** What this node wanted to tell another one is lost, or too much. */
  #anew(node: NodeId, why: "lost" | "full", stanzas: readonly Stanza[]): void {
    this.parts.log.error(
      { node },
      why === "lost"
        ? "the broker has lost what was said to another node"
        : "too much waits for another node",
    );
    this.#members.get(node)?.link.tell(this.#tale());
    this.#sent.lost(node);
    this.#questions.lost(node);
    for (const stanza of stanzas) this.#events.lost(stanza, why === "lost" ? "gone" : "full");
  }

  /** Something that another node wanted to tell this one is lost. What it knows of its sessions it tells anew. */
  #missed(node: NodeId): void {
    this.parts.log.error({ node }, "what another node said is lost");
    this.#homes.forget();
    this.#sent.lost(node);
    this.#questions.lost(node);
    this.#events.missed(node);
  }

  /** All that another node is to know of this one. */
  *#tale(): Generator<Item> {
    yield* this.#directory.snapshot();
    for (const [topic, news] of this.#events.newcomersHear()) yield ["news", topic, news];
  }

  async #reply(from: NodeId, number: number, kind: string, payload: unknown): Promise<void> {
    const item = await this.#questions.reply(from, number, kind, payload);
    this.#members.get(from)?.link.put(item, sizeOf(item));
  }

  async #closeOwn([full, boundAt, condition, text]: CloseRequest): Promise<void> {
    const { registry } = this.#events;
    const row = registry.of(Jid.parse(full)).find((one) => one.session && one.jid.text === full);
    // Another one may have taken its place.
    if (row?.boundAt === boundAt) await registry.close(row, new StreamError(condition, text ?? undefined));
  }

  #dropped(node: NodeId): Resource[] {
    this.#unsettledUntil = Date.now() + this.parts.options.deadAfter;
    const rows = this.#directory.drop(node);
    this.#sent.lost(node);
    this.#questions.lost(node);
    this.#events.gone(node);
    return rows;
  }

  /** What waits in a dead node's mailbox: kept messages are in the store, the rest is handled here. */
  async #inherit(node: NodeId, slot: number): Promise<void> {
    const { adapter, log } = this.parts;
    const left = await adapter.adopt(node, async ({ body, from }) => {
      const { items, poison } = decode(body);
      if (poison !== undefined) throw new Error(poison);
      for (const item of items) {
        if (item[0] === "stanza" && item[5] === 0) this.#given(["stanza", item[1], item[2], 0, 0, 0], from);
      }
    });
    await this.#events.inherit(node, slot);
    await this.#freeOrphans();
    log.info({ node, messages: left }, "what a dead node left has been taken over");
  }
}

type CloseRequest = [full: string, boundAt: number, condition: StreamCondition, text: string | null];

/** @param text "": nobody */
function addressOf(text: string): Jid | null {
  return text === "" ? null : Jid.parse(text);
}
