import type { ClusterAdapter, DeadLetter, NodeId, OnState, Receive } from "../../src/cluster/adapter.js";

/** An adapter that can be cut off from the others without noticing, as a process is that stands still for a while. */
export class CutOffAdapter implements ClusterAdapter {
  isCutOff = false;
  /** Of what is sent from now on, so much is confirmed and never arrives. */
  toLose = 0;
  /** What is sent from now on waits for it. */
  held: Promise<void> | undefined;
  /** Nothing is adopted by this node. */
  adoptsNever = false;
  /** It has begun to. */
  isAdopting = false;

  constructor(private readonly real: ClusterAdapter) {}

  start(self: NodeId, receive: Receive, state: OnState): Promise<void> {
    return this.real.start(self, (message) => (this.isCutOff ? this.#never() : receive(message)), state);
  }

  async send(to: NodeId | "*", key: string, body: Uint8Array): Promise<void> {
    if (this.isCutOff) return this.#never();
    await this.held;
    if (this.toLose > 0) {
      this.toLose -= 1;
      return undefined;
    }
    return this.real.send(to, key, body);
  }

  adopt(dead: NodeId, receive: Receive): Promise<number> {
    this.isAdopting = true;
    return this.isCutOff || this.adoptsNever ? this.#never() : this.real.adopt(dead, receive);
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
