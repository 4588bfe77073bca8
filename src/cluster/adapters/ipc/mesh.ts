import type { Socket } from "node:net";
import type { AdapterLog, NodeId } from "../../adapter.js";
import { Entrance } from "./entrance.js";
import type { Folder } from "./folder.js";
import { bareFrame, Frame, type Hello, jsonFrame, OVERHEAD } from "./frames.js";
import { Inbound } from "./inbound.js";
import { knock } from "./knock.js";
import type { IpcOptions } from "./options.js";
import { Peer, type PeerHost } from "./peer.js";
import { Turn } from "./turn.js";
import { Watch } from "./watch.js";
import { Wire } from "./wire.js";

/** What arrives for the first time: the part of the frame that follows the number. */
export type OnNumbered = (
  inbound: Inbound,
  n: number,
  type: number,
  bytes: Buffer,
  at: number,
  end: number,
) => void;

/** A connection that another node has opened. */
interface Incoming {
  wire: Wire;
  inbound: Inbound | undefined;
  /** Nothing follows any more. */
  last: boolean;
}

/** The connections of one node: one to each other that it sends to, and one from each that sends to it. */
export class Mesh implements PeerHost {
  readonly turn = new Turn();
  readonly watch = new Watch();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #inbounds = new Map<NodeId, Inbound>();
  readonly #incoming = new Set<Incoming>();
  readonly #entrance: Entrance;
  /** Where this node has asked who is there, and was not told yet. */
  readonly #knocks = new Set<Wire>();
  #leaving = false;

  /** @param onClose a connection has ended. */
  constructor(
    readonly self: NodeId,
    readonly folder: Folder,
    readonly options: IpcOptions,
    readonly log: AdapterLog,
    private readonly onNumbered: OnNumbered,
    readonly onClose: () => void,
  ) {
    this.#entrance = new Entrance(folder, (socket) => this.#accept(socket));
  }

  /** Resolves when all who are there know this node. */
  async open(): Promise<void> {
    await this.#entrance.open(this.self);
    const own = this.folder.socket(this.self);
    const paths = (await this.folder.sockets()).filter((path) => path !== own);
    const known = (name: NodeId) => this.peer(name);
    const dead = await Promise.all(paths.map((path) => knock(path, this, this.#knocks, known)));
    // What is left of nodes that nobody knows any more.
    if (!dead.includes(false)) for (const path of paths) await this.folder.removeSocket(path);
  }

  peer(name: NodeId): Peer {
    let peer = this.#peers.get(name);
    if (!peer) {
      peer = new Peer(name, this);
      this.#peers.set(name, peer);
    }
    return peer;
  }

  /** All others. */
  get others(): Peer[] {
    return [...this.#peers.values()].filter(({ name }) => name !== this.self);
  }

  /** Somebody is yet to receive, or to adopt, what this node keeps. */
  get isNeeded(): boolean {
    const hasHeirs = this.others.some(({ alive }) => alive);
    return this.others.some(({ kept, state }) => kept > 0 && (state !== "gone" || hasHeirs));
  }

  changed(peer: Peer): void {
    if (peer.state === "closed" && this.#peers.get(peer.name) === peer) {
      this.#peers.delete(peer.name);
      this.#inbounds.delete(peer.name);
    }
    this.watch.changed();
  }

  /** A node that has an heir can send nothing more. */
  shut(dead: NodeId): void {
    for (const { wire, inbound } of this.#incoming) if (inbound?.from === dead) wire.destroy();
    const peer = this.#peers.get(dead);
    peer?.cut();
    if (peer?.state === "closed") this.changed(peer);
  }

  onFrame(from: NodeId, type: number, bytes: Buffer, at: number, end: number): void {
    if (type === Frame.Ack) this.#peers.get(from)?.acked(bytes, at, end);
    else if (type === Frame.Leaving) this.#peers.get(from)?.onLeaving();
  }

  /** Tells all that this node takes nothing new. Resolves when nothing of them is on its way. */
  async leave(limit: number): Promise<void> {
    this.#leaving = true;
    const told = [...this.#incoming];
    for (const { wire } of told) wire.post(bareFrame(Frame.Leaving));
    for (const { wire } of this.#peers.values()) wire?.post(bareFrame(Frame.Leaving));
    await this.watch.until(() => told.every((one) => one.last || !this.#incoming.has(one)), limit);
  }

  /**
   * Writes what is left to be written and ends everything, whatever happens.
   * @param error what is told to those who still wait
   * @throws Error when the folder cannot be written: others see then that nobody listens at the socket.
   */
  async close(error: Error): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    // Those who have sent something are to know that it was received.
    this.turn.finish();
    for (const wire of this.#knocks) wire.destroy();
    const closed = this.#entrance.close();
    try {
      await this.folder.remove(this.self);
    } finally {
      await Promise.all([...this.#peers.values()].map((peer) => peer.end(error)));
      await Promise.all([...this.#incoming].map(({ wire }) => wire.end()));
      await closed;
    }
  }

  /** Ends as if the process had died: the socket stays in the folder. */
  async crash(error: Error): Promise<void> {
    for (const wire of this.#knocks) wire.destroy();
    const closed = this.#entrance.close();
    for (const peer of this.#peers.values()) peer.crash(error);
    for (const { wire } of this.#incoming) wire.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const { options, turn } = this;
    const wire: Wire = new Wire(
      socket,
      turn,
      options.maxMessageSize + OVERHEAD,
      (type, bytes, at, end) => this.#read(incoming, type, bytes, at, end),
      () => {
        this.#incoming.delete(incoming);
        this.watch.changed();
        this.onClose();
      },
    );
    const incoming: Incoming = { wire, inbound: undefined, last: false };
    this.#incoming.add(incoming);
  }

  #read(incoming: Incoming, type: number, bytes: Buffer, at: number, end: number): void {
    const { inbound } = incoming;
    if (type === Frame.Hello) {
      this.#welcome(incoming, JSON.parse(bytes.toString("utf8", at, end)) as Hello);
    } else if (!inbound) {
      incoming.wire.destroy();
    } else if (type === Frame.Last) {
      incoming.last = true;
      this.watch.changed();
    } else if (type === Frame.Ack || type === Frame.Leaving) {
      this.onFrame(inbound.from, type, bytes, at, end);
    } else {
      const n = bytes.readDoubleBE(at);
      if (inbound.accept(n)) this.onNumbered(inbound, n, type, bytes, at + 8, end);
    }
  }

  #welcome(incoming: Incoming, { from, to }: Hello): void {
    if (to !== undefined && to !== this.self) {
      incoming.wire.destroy();
      return;
    }
    this.peer(from);
    const { self: name } = this;
    if (to === undefined) {
      incoming.wire.post(jsonFrame(Frame.Welcome, { name, have: 0, leaving: this.#leaving }));
      return;
    }
    let inbound = this.#inbounds.get(from);
    if (!inbound) {
      inbound = new Inbound(from, this.turn, (name) => this.#route(name));
      this.#inbounds.set(from, inbound);
      this.#refuseAdopted(incoming, from);
    }
    incoming.inbound = inbound;
    incoming.wire.post(jsonFrame(Frame.Welcome, { name, have: inbound.have, leaving: this.#leaving }));
  }

  /** A node that was taken for dead and is not has no socket: it is to notice that. */
  #refuseAdopted({ wire }: Incoming, from: NodeId): void {
    this.folder.has(from).then(
      (has) => {
        if (!has) wire.destroy();
      },
      (error: unknown) => this.log.warn({ err: error }, "the folder of the nodes cannot be read"),
    );
  }

  /** Acknowledgements travel with the messages where there is a connection for those. */
  #route(name: NodeId): Wire | undefined {
    const own = this.#peers.get(name)?.wire;
    if (own) return own;
    for (const { wire, inbound } of this.#incoming) if (inbound?.from === name) return wire;
    return undefined;
  }
}
