import type { ClusterAdapter, DeadLetter, NodeId, OnState, Receive } from "../../src/cluster/adapter.js";
import { decode, type Item, sizeOf } from "../../src/cluster/envelope.js";
import type { Clock } from "./clock.js";

export interface BrokerOptions {
  /** ms until the receiver has a message; the sender has its confirmation as much later. */
  way: number;
  /** Bytes a second through the broker, in all. */
  bandwidth: number;
}

/** What was said, by all nodes together. */
export class Tally {
  /** But for those that say nothing but that a node is there. */
  batches = 0;
  bytes = 0;
  beats = 0;
  /** Stanzas with whom they are for. */
  targets = 0;
  readonly items = new Map<string, { count: number; bytes: number }>();

  add(body: Uint8Array): void {
    const { items } = decode(body);
    if (items.every(([kind]) => kind === "beat")) {
      this.beats += 1;
      return;
    }
    this.batches += 1;
    this.bytes += body.length;
    for (const item of items) this.#count(item);
  }

  of(...kinds: readonly string[]): number {
    return kinds.reduce((sum, kind) => sum + (this.items.get(kind)?.count ?? 0), 0);
  }

  bytesOf(...kinds: readonly string[]): number {
    return kinds.reduce((sum, kind) => sum + (this.items.get(kind)?.bytes ?? 0), 0);
  }

  #count(item: Item): void {
    const isPresence = item[0] === "stanza" && item[1].startsWith("<presence");
    const kind = item[0] === "stanza" ? (isPresence ? "presence" : "message") : item[0];
    if (isPresence) this.targets += typeof item[2] === "string" ? 1 : item[2].length;
    const sum = this.items.get(kind) ?? { count: 0, bytes: 0 };
    sum.count += 1;
    sum.bytes += sizeOf(item);
    this.items.set(kind, sum);
  }
}

/** Carries messages between nodes of this process in simulated time, and counts them. */
export class Broker {
  tally = new Tally();
  readonly #receivers = new Map<NodeId, Receive>();
  /** When it has dealt with all that it was given. */
  #busyUntil = 0;

  constructor(
    private readonly clock: Clock,
    private readonly options: BrokerOptions,
  ) {}

  /** What is said from now on is counted anew. @returns what was said before */
  count(): Tally {
    const before = this.tally;
    this.tally = new Tally();
    return before;
  }

  /** The node's process ends: it hears nothing more. */
  crash(node: NodeId): void {
    this.#receivers.delete(node);
  }

  adapter(): ClusterAdapter {
    let self = "";
    return {
      start: async (node: NodeId, receive: Receive, state: OnState) => {
        self = node;
        this.#receivers.set(node, receive);
        state("up");
      },
      send: (to: NodeId | "*", _key: string, body: Uint8Array) => this.#carry(self, to, body),
      adopt: async () => 0,
      deadLetters: async (): Promise<DeadLetter[]> => [],
      dropDeadLetter: async () => false,
      stop: async () => this.crash(self),
    };
  }

  #carry(from: NodeId, to: NodeId, body: Uint8Array): Promise<void> {
    // A node that is dead does not send.
    if (!this.#receivers.has(from)) return new Promise(() => undefined);
    this.tally.add(body);
    const { way, bandwidth } = this.options;
    this.#busyUntil = Math.max(this.clock.now, this.#busyUntil) + (1000 * body.length) / bandwidth;
    const arrives = this.#busyUntil + way;
    this.clock.at(arrives, () => void this.#receivers.get(to)?.({ id: "", from, key: "", body }));
    return new Promise((resolve) => this.clock.at(arrives + way, resolve));
  }
}
