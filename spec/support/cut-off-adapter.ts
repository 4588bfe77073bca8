import type { ClusterAdapter, DeadLetter, NodeId, OnState, Receive } from "../../src/cluster/adapter.js";

/** An adapter that can be cut off from the others without noticing, as a process is that stands still for a while. */
export class CutOffAdapter implements ClusterAdapter {
  isCutOff = false;

  constructor(private readonly real: ClusterAdapter) {}

  start(self: NodeId, receive: Receive, state: OnState): Promise<void> {
    return this.real.start(self, (message) => (this.isCutOff ? this.#never() : receive(message)), state);
  }

  send(to: NodeId | "*", key: string, body: Uint8Array): Promise<void> {
    return this.isCutOff ? this.#never() : this.real.send(to, key, body);
  }

  adopt(dead: NodeId, receive: Receive): Promise<number> {
    return this.isCutOff ? this.#never() : this.real.adopt(dead, receive);
  }

  deadLetters(limit: number): Promise<DeadLetter[]> {
    return this.real.deadLetters(limit);
  }

  dropDeadLetter(id: string): Promise<boolean> {
    return this.real.dropDeadLetter(id);
  }

  async stop(): Promise<void> {
    if (!this.isCutOff) await this.real.stop();
  }

  #never(): Promise<never> {
    return new Promise(() => undefined);
  }
}
