import { LRUCache } from "lru-cache";
import { atMost } from "../at-most.js";
import type { Logger } from "../log.js";
import type { Resource } from "../session/session.js";
import type { NodeRepository, NodeRow } from "../storage/types.js";
import type { AdapterState, NodeId } from "./adapter.js";
import type { Item } from "./envelope.js";
import type { Link } from "./link.js";
import { Peer } from "./peer.js";

/** Nodes that are known to be dead, so that a late word of theirs does not bring them back. */
const MAX_GONE = 1000;
/** How many times `deadAfter` the others have to come back too when the broker was away. */
const RETURN = 2;
/** ms before a question that was not answered is asked again. */
const ASK_AGAIN = 20;
/** ms to get rid of what is still to be said before leaving. */
const FAREWELL = 2000;

export interface MembersParts {
  self: NodeId;
  nodes: NodeRepository;
  options: { beat: number; deadAfter: number };
  log: Logger;
  flushed(): Promise<void>;
  makeLink(node: NodeId): Link;
  /** A node is new to this one. */
  greet(peer: Peer): void;
  /** Forgets a node. @returns the sessions it had. */
  dropped(node: NodeId): Resource[];
  /** This node alone takes over what a dead one left; may be called again when it fails. */
  inherit(node: NodeId, slot: number): Promise<void>;
  /** It has; these were the sessions. */
  inherited(rows: readonly Resource[]): void;
  fenced(): void;
  tellAll(item: Item): void;
}

/**
 * Who is there. A node that is not heard of counts as dead when the database agrees: that makes one of the survivors its
 * heir, and a node that finds itself taken for dead does not go on.
 */
export class Members {
  readonly #peers = new Map<NodeId, Peer>();
  readonly #gone = new LRUCache<NodeId, true>({ max: MAX_GONE });
  /** Sessions of dead nodes, until all is done: this node is their heir, or may yet be. */
  readonly #estates = new Map<NodeId, Resource[]>();
  readonly #burying = new Map<NodeId, Promise<void>>();
  #alive: readonly string[];
  #timer: NodeJS.Timeout | undefined;
  #lastTick = 0;
  #lastLook = 0;
  #looking: Promise<void> | undefined;
  #stopping = false;
  #isFenced = false;
  /** When this node came, another was being taken over. */
  #cameAfterLoss = false;
  #waiting: (() => void)[] = [];
  adapter: AdapterState = "down";

  constructor(private readonly parts: MembersParts) {
    this.#alive = [parts.self];
  }

  get alive(): readonly string[] {
    return this.#alive;
  }

  get(node: NodeId): Peer | undefined {
    return this.#peers.get(node);
  }

  all(): Peer[] {
    return [...this.#peers.values()];
  }

  /**
   * Resolves when each of the others has told of its sessions, or turned out to be dead.
   * @throws Error when they have taken this one for dead: the broker was away for too long, and they do not listen any more
   */
  async start(): Promise<void> {
    const { self, nodes, options } = this.parts;
    const rows = await nodes.list();
    if (!isMember(rows, self)) this.#fence();
    for (const { id, heir } of rows) {
      if (heir === undefined) this.#meet(id);
      else this.#cameAfterLoss = true;
    }
    this.#lastTick = Date.now();
    this.#timer = setInterval(() => this.#tick(), options.beat);
    await this.#allKnown();
    if (this.#isFenced) throw new Error("the other nodes took this one for dead before it had joined them");
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#looking;
    // While the broker is away nothing can be taken over; another node will.
    await atMost(Promise.all(this.#burying.values()), FAREWELL);
    this.parts.tellAll(["bye"]);
    const deadline = Date.now() + FAREWELL;
    while (Date.now() < deadline && this.all().some(({ link }) => !link.idle && !link.broken)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    for (const { link } of this.all()) link.close();
    this.#peers.clear();
  }

  adapterState(state: AdapterState, why?: Error): void {
    if (state === this.adapter) return;
    this.adapter = state;
    if (state === "gone") {
      this.parts.log.error({ err: why }, "what others say to this node does not arrive any more");
      this.#fence();
    } else if (state === "down") this.parts.log.warn({ err: why }, "the broker cannot be reached");
    else this.#isBack();
  }

  /** A node has said something. @returns undefined when it is dead: the others do not listen to it either. */
  heard(node: NodeId): Peer | undefined {
    const peer = this.#peers.get(node) ?? this.#meet(node);
    if (peer) peer.lastHeard = Date.now();
    return peer;
  }

  /** A node has died while this one was there, or shortly before. */
  get hasLostAny(): boolean {
    return this.#cameAfterLoss || this.#gone.size > 0;
  }

  /**
   * Resolves when each of the others has answered, or is gone; at once where nobody can be asked: while the broker is away those
   * who are here go on.
   * @param ask rejects when it gets no answer
   */
  async allAnswer(ask: (node: NodeId) => Promise<unknown>): Promise<void> {
    await Promise.all(this.all().map(({ id }) => this.answers(id, () => ask(id))));
  }

  /** The same for one. @returns false when it cannot be asked */
  async answers(node: NodeId, ask: () => Promise<unknown>): Promise<boolean> {
    while (this.#peers.has(node)) {
      if (this.adapter !== "up") return false;
      try {
        await ask();
        return true;
      } catch {
        // It has not answered in time, or was dropped: that is looked at again.
        await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN));
      }
    }
    return true;
  }

  knows(node: NodeId): void {
    const peer = this.#peers.get(node);
    if (peer) peer.known = true;
    this.#tellWaiting();
  }

  /** Another node has taken it over. */
  isGone(node: NodeId): void {
    if (node === this.parts.self) void this.#look();
    else this.#mourn(node);
  }

  /** Its process has ended: it need not be missed first. */
  isDead(node: NodeId): void {
    if (this.#peers.has(node)) this.#bury(node);
  }

  /** It said good-bye. */
  left(node: NodeId): void {
    this.#drop(node);
  }

  #meet(id: NodeId): Peer | undefined {
    if (id === this.parts.self || this.#gone.has(id) || this.#stopping) return undefined;
    let peer = this.#peers.get(id);
    if (!peer) {
      peer = new Peer(id, this.parts.makeLink(id), this.parts.flushed);
      this.#peers.set(id, peer);
      this.#changed();
      this.parts.greet(peer);
    }
    return peer;
  }

  #drop(node: NodeId): Resource[] {
    const peer = this.#peers.get(node);
    this.#gone.set(node, true);
    if (!peer) return [];
    this.#peers.delete(node);
    peer.link.close();
    this.#changed();
    const rows = this.parts.dropped(node);
    this.parts.log.info({ node, sessions: rows.length }, "a node is gone");
    return rows;
  }

  /** It is dead: should its heir die too, this node has to know whose end is to be told. */
  #mourn(node: NodeId): Resource[] {
    const sessions = this.#estates.get(node) ?? this.#drop(node);
    this.#estates.set(node, sessions);
    return sessions;
  }

  #changed(): void {
    this.#alive = [this.parts.self, ...this.#peers.keys()];
    this.#tellWaiting();
  }

  #allKnown(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#tellWaiting();
    });
  }

  #fence(): void {
    this.#isFenced = true;
    this.parts.fenced();
    this.#tellWaiting();
  }

  #tellWaiting(): void {
    if (this.#isFenced || this.all().every(({ known }) => known))
      for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** The broker is back: nobody could be heard meanwhile, so nobody is late; and others may be back later. */
  #isBack(): void {
    const grace = Date.now() + RETURN * this.parts.options.deadAfter;
    for (const peer of this.#peers.values()) {
      peer.lastHeard = grace;
      peer.link.retryNow();
    }
    this.parts.log.info({}, "the broker can be reached");
    if (this.#timer) void this.#look();
  }

  #tick(): void {
    const { beat, deadAfter } = this.parts.options;
    const now = Date.now();
    const stoodStill = now - this.#lastTick > deadAfter / 2;
    this.#lastTick = now;
    if (stoodStill || now - this.#lastLook > deadAfter) void this.#look();
    // Nothing that is said goes out: it is this node that is cut off, and the others may bury it.
    const isCutOff = !this.all().some(({ link }) => now - link.lastAnswer < deadAfter / 2);
    for (const peer of this.#peers.values()) {
      // What has come meanwhile may not have been read yet; and without the broker nobody is heard.
      if (stoodStill || isCutOff || this.adapter !== "up") peer.lastHeard = now;
      // What cannot be sent tries by itself.
      if (now - peer.link.lastSent >= beat && !peer.link.broken) peer.link.put(["beat"]);
      if (now - peer.lastHeard > deadAfter) this.#bury(peer.id);
    }
  }

  /** What the database says: whether this node is still a member, and who else is. */
  #look(): Promise<void> {
    this.#lastLook = Date.now();
    this.#looking ??= this.#readMembers().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #readMembers(): Promise<void> {
    const { self, nodes, log } = this.parts;
    try {
      const rows = await nodes.list();
      if (this.#stopping) return;
      if (!isMember(rows, self)) {
        this.#fence();
        return;
      }
      const members = new Set(rows.map(({ id }) => id));
      for (const id of this.#estates.keys()) if (!members.has(id)) this.#estates.delete(id);
      for (const { id, heir } of rows) {
        if (heir === undefined && !this.#gone.has(id)) this.#meet(id);
        // Its heir has died before the work was done, or could not do it.
        else if (heir === undefined || heir === self || !rows.some((row) => row.id === heir)) this.#bury(id);
      }
    } catch (error) {
      log.warn({ err: error }, "the database could not be asked who is a member");
    }
  }

  #bury(node: NodeId): void {
    if (this.#burying.has(node) || this.#stopping) return;
    const work = this.#inherit(node)
      .catch((error: unknown) =>
        this.parts.log.error({ err: error, node }, "a dead node could not be taken over; trying again"),
      )
      .finally(() => this.#burying.delete(node));
    this.#burying.set(node, work);
  }

  async #inherit(node: NodeId): Promise<void> {
    const { self, nodes } = this.parts;
    const rows = await nodes.list();
    if (!isMember(rows, self)) {
      this.#fence();
      return;
    }
    const row = rows.find(({ id }) => id === node);
    const alive = this.#alive.filter((id) => id !== node);
    const isHeir = row !== undefined && (await nodes.inherit(node, self, alive));
    const sessions = this.#mourn(node);
    if (!isHeir) return;
    this.parts.tellAll(["gone", node]);
    await this.parts.inherit(node, row.slot);
    await nodes.remove(node);
    this.#estates.delete(node);
    this.parts.inherited(sessions);
  }
}

const isMember = (rows: readonly NodeRow[], node: NodeId) =>
  rows.some(({ id, heir }) => id === node && heir === undefined);
