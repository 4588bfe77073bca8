import type { NodeId } from "../../adapter.js";
import { ackFrame } from "./frames.js";
import type { Job, Owner } from "./lanes.js";
import type { Flushable, Turn } from "./turn.js";
import type { Wire } from "./wire.js";

/** Frames that are acknowledged at once: see `Turn`. */
const MANY = 8;

/** How far this node has come with what one other has sent; it outlives the connections. */
export class Inbound implements Owner, Flushable {
  readonly tails = new Map<string, Job>();
  /** The number up to which all has arrived. */
  #have = 0;
  readonly #unfinished = new Set<number>();
  /** Received since the last acknowledgement: first, count, first, count … */
  #runs: number[] = [];
  /** Frames that came since then. */
  #count = 0;
  #dirty = false;

  /** @param route where acknowledgements go at present */
  constructor(
    readonly from: NodeId,
    private readonly turn: Turn,
    private readonly route: (from: NodeId) => Wire | undefined,
  ) {}

  get have(): number {
    return this.#have;
  }

  /** @returns whether it arrives for the first time. */
  accept(n: number): boolean {
    if (n <= this.#have) {
      // It is sent again when the connection was lost, and perhaps its acknowledgement with it.
      if (!this.#unfinished.has(n)) this.#received(n);
      return false;
    }
    this.#have = n;
    this.#unfinished.add(n);
    this.#count += 1;
    this.#touch();
    // The other side waits with more when it has sent many.
    if (this.#count === MANY) this.turn.ack(this);
    return true;
  }

  done(n: number): void {
    if (this.#unfinished.delete(n)) this.#received(n);
  }

  flush(): void {
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#count = 0;
    const runs = this.#runs;
    this.#runs = [];
    // Without a connection nobody is told: on the next all is sent again that is not known to be received.
    this.route(this.from)?.post(ackFrame(this.#have, runs));
  }

  #received(n: number): void {
    const runs = this.#runs;
    const last = runs.length - 2;
    if (last >= 0 && runs[last] + runs[last + 1] === n) runs[last + 1] += 1;
    else runs.push(n, 1);
    this.#touch();
  }

  #touch(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.turn.ackLater(this);
  }
}
