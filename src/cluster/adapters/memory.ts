import type { ClusterAdapter, DeadLetter, NodeId, OnState, Receive } from "../adapter.js";
import type { MemoryBus } from "./memory-bus.js";

/** The reference adapter, and the one of a server that is alone. */
export class MemoryAdapter implements ClusterAdapter {
  #self: NodeId | undefined;
  #sent = 0;
  #stopping: Promise<void> | undefined;
  readonly #adoptions = new Set<Promise<number>>();

  constructor(private readonly bus: MemoryBus) {}

  async start(self: NodeId, receive: Receive, state: OnState): Promise<void> {
    if (this.#self !== undefined || this.#stopping !== undefined)
      throw new Error("an adapter is started once");
    this.bus.join(self, receive, state);
    this.#self = self;
  }

  async send(to: NodeId | "*", key: string, body: Uint8Array): Promise<void> {
    const from = this.#running();
    this.#sent += 1;
    this.bus.put(to, { id: `${from}-${this.#sent}`, from, key, body });
  }

  async adopt(dead: NodeId, receive: Receive): Promise<number> {
    this.#running();
    const adoption = this.bus.adopt(dead, receive);
    this.#adoptions.add(adoption);
    try {
      return await adoption;
    } finally {
      this.#adoptions.delete(adoption);
    }
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    this.#running();
    return this.bus.deadLetters.slice(0, limit);
  }

  async dropDeadLetter(id: string): Promise<boolean> {
    this.#running();
    return this.bus.dropDeadLetter(id);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const self = this.#self;
    this.#self = undefined;
    await Promise.allSettled(this.#adoptions);
    if (self !== undefined) await this.bus.leave(self);
  }

  #running(): NodeId {
    if (this.#self === undefined) throw new Error("the adapter is not running");
    return this.#self;
  }
}
