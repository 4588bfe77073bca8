import { connect } from "node:net";
import type { AdapterLog, NodeId } from "../../adapter.js";
import type { Folder } from "./folder.js";
import {
  bareFrame,
  Frame,
  type Hello,
  inheritFrame,
  jsonFrame,
  messageFrame,
  nodeFrame,
  OVERHEAD,
  readRuns,
  type Welcome,
} from "./frames.js";
import { type Entry, Kept } from "./kept.js";
import type { IpcOptions } from "./options.js";
import type { Turn } from "./turn.js";
import { Wire } from "./wire.js";

/** ms between two attempts to reach a node that lives and cannot be reached. */
const RECONNECT = 50;

export interface PeerHost {
  readonly self: NodeId;
  readonly folder: Folder;
  readonly options: IpcOptions;
  readonly turn: Turn;
  readonly log: AdapterLog;
  /** What the other node sends back. */
  onFrame(from: NodeId, type: number, bytes: Buffer, at: number, end: number): void;
  /** Its state is another, or nothing more is kept. */
  changed(peer: Peer): void;
  /** A connection has ended. */
  onClose(): void;
}

/**
 * - idle: nothing was sent yet
 * - gone: its process has died, what is sent waits for an heir
 * - closed: it has stopped, or has an heir; nothing can be sent any more
 */
export type PeerState = "idle" | "connecting" | "open" | "gone" | "closed";

/** Another node, as this one sends to it. */
export class Peer {
  state: PeerState = "idle";
  /** It has said that it takes nothing new. */
  leaving = false;
  readonly #kept = new Kept();
  #n = 0;
  #wire: Wire | undefined;
  /** The connection of a node that has an heir. */
  #last: Wire | undefined;
  /** Answers are late: what is sent counts as kept here. */
  #silent = false;
  #patience: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(
    readonly name: NodeId,
    private readonly host: PeerHost,
  ) {}

  /** Where to write what is not numbered; undefined without a connection. */
  get wire(): Wire | undefined {
    return this.state === "open" ? this.#wire : undefined;
  }

  get takes(): boolean {
    return !this.leaving && this.state !== "closed";
  }

  get alive(): boolean {
    return this.takes && this.state !== "gone";
  }

  get kept(): number {
    return this.#kept.count;
  }

  /** @returns why a message of this size cannot be sent now. */
  refusal(size: number): Error | undefined {
    const { queue, queueSize, maxMessageSize } = this.host.options;
    if (!this.takes) return new Error(`there is no node ${this.name}`);
    if (size > maxMessageSize) return new Error(`a message of ${size} bytes is too large`);
    if (this.#kept.count < queue && this.#kept.size + size <= queueSize) return undefined;
    return new Error(`too much waits for ${this.name}`);
  }

  /** Resolves once the other node has it, or this one keeps it for a node that is gone. Refusals come first. */
  send(id: number, key: string, body: Uint8Array, toAll: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const n = this.#next();
      this.#post({ n, frame: messageFrame(n, id, key, body), settle: { resolve, reject, toAll } });
    });
  }

  tell(type: Frame.Adopt | Frame.Handed | Frame.Adopted, node: NodeId): void {
    const n = this.#next();
    this.#post({ n, frame: nodeFrame(type, n, node), settle: undefined });
  }

  /** Gives it, as heir, what was kept for a dead node. */
  inherit(dead: NodeId, { frame, settle }: Entry): void {
    const n = this.#next();
    this.#post({ n, frame: inheritFrame(n, dead, frame), settle });
  }

  acked(bytes: Buffer, at: number, end: number): void {
    this.#silent = false;
    this.#kept.has(bytes.readDoubleBE(at));
    readRuns(bytes, at + 8, end, (first, count) => this.#kept.received(first, count));
    if (this.#kept.count === 0) this.host.changed(this);
  }

  /** The node takes nothing new; it is told when it has got all. */
  onLeaving(): void {
    this.leaving = true;
    if (this.state === "open") this.#wire?.post(bareFrame(Frame.Last));
    else if (this.state === "idle") this.#close();
    this.host.changed(this);
  }

  /** It has an heir: nothing is sent to it any more. @returns what was kept for it. */
  succeed(): Entry[] {
    const entries = this.#kept.take();
    this.#last = this.#wire;
    this.#wire = undefined;
    this.#close();
    return entries;
  }

  /** The heir has finished: one that was not dead notices now. */
  cut(): void {
    this.#last?.destroy();
    this.#last = undefined;
  }

  /** Ends the connection once all is written. @param error what those are told who still wait */
  async end(error: Error): Promise<void> {
    this.#giveUp(-1, error);
    const wires = [this.#wire, this.#last];
    this.#wire = undefined;
    this.#last = undefined;
    this.#close();
    await Promise.all(wires.map((wire) => wire?.end()));
  }

  /** As if this process had died. */
  crash(error: Error): void {
    this.cut();
    this.#kept.reject(-1, error);
    this.#close();
  }

  #next(): number {
    this.#n += 1;
    return this.#n;
  }

  #post(entry: Entry): void {
    if (this.state === "gone" || this.#silent) {
      entry.settle?.resolve();
      entry.settle = undefined;
    }
    this.#kept.add(entry);
    if (this.state === "open") this.#wire?.post(entry.frame);
    else if (this.state === "idle") this.#connect();
    if (!this.#patience && entry.settle) this.#beginPatience();
  }

  #beginPatience(): void {
    const waiting = this.#kept.unanswered;
    this.#patience = setTimeout(() => {
      this.#patience = undefined;
      const still = this.#kept.unanswered;
      if (still === undefined) return;
      if (still === waiting) {
        this.#silent = true;
        this.#kept.settleAll();
      } else this.#beginPatience();
    }, this.host.options.patience);
    this.#patience.unref();
  }

  #connect(): void {
    const { host } = this;
    this.state = "connecting";
    const socket = connect(host.folder.socket(this.name));
    const wire: Wire = new Wire(
      socket,
      host.turn,
      host.options.maxMessageSize + OVERHEAD,
      (type, bytes, at, end) => {
        if (type === Frame.Welcome) this.#welcomed(JSON.parse(bytes.toString("utf8", at, end)) as Welcome);
        else host.onFrame(this.name, type, bytes, at, end);
      },
      (error) => {
        if (this.#wire === wire) this.#lost(error);
      },
    );
    this.#wire = wire;
    const hello: Hello = { from: host.self, to: this.name };
    socket.once("connect", () => wire.post(jsonFrame(Frame.Hello, hello)));
  }

  #welcomed({ have, leaving }: Welcome): void {
    this.state = "open";
    this.#kept.has(have);
    if (leaving) {
      this.leaving = true;
      // What it has not got yet it takes no more.
      this.#giveUp(have, new Error(`the node ${this.name} is about to stop`));
    }
    for (const { frame } of this.#kept.entries()) this.#wire?.post(frame);
    if (this.leaving) this.#wire?.post(bareFrame(Frame.Last));
    this.host.changed(this);
  }

  #lost(error: NodeJS.ErrnoException | undefined): void {
    this.#wire = undefined;
    const wasOpen = this.state === "open";
    if (error?.code === "ECONNREFUSED") {
      this.state = "gone";
      this.#kept.settleAll();
    } else if (error?.code === "ENOENT" || (this.leaving && this.#kept.count === 0)) {
      this.#giveUp(-1, new Error(`there is no node ${this.name}`));
      this.#close();
    } else {
      this.state = "connecting";
      this.#retry = setTimeout(() => this.#connect(), wasOpen ? 0 : RECONNECT);
    }
    this.host.changed(this);
    this.host.onClose();
  }

  #giveUp(after: number, error: Error): void {
    const lost = this.#kept.reject(after, error);
    if (lost > 0)
      this.host.log.warn({ node: this.name, lost }, "messages were taken that nobody has received");
  }

  #close(): void {
    this.state = "closed";
    clearTimeout(this.#patience);
    clearTimeout(this.#retry);
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.destroy();
  }
}
