import type { Acknowledger } from "./acknowledger.js";
import type { Client } from "./client.js";
import { EndScanner } from "./end-scanner.js";
import { Histogram } from "./histogram.js";
import { Sender } from "./sender.js";

const TICK_MS = 1;
const OPEN_LOOP_SLOTS = 64;
/** Every so many messages of a client, the first one included, the id is compared with the one expected. */
const CHECK_EVERY = 64;
const START = Buffer.from("<m");

export interface TrafficOptions {
  /** Closed loop: messages under way per client. */
  inflight: number;
  /** Open loop: messages a second over all clients; 0 = closed loop. */
  rate: number;
  /** Of each client, where they use stream management. */
  acknowledgers?: readonly Acknowledger[];
  /** The address of the client at `index`, as the messages name it. */
  addressOf(index: number): string;
}

/** Client 0 writes to 1 and 1 to 0, 2 to 3 and 3 to 2 …; an odd client is left over and idle. */
export class Traffic {
  readonly latency = new Histogram();
  /** Open loop: messages that were due while their sender had too many under way. */
  skipped = 0;
  readonly #senders: Sender[] = [];
  readonly #options: TrafficOptions;
  #running = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param fail called when a client is cut off or a message that comes in is not the one that must come. */
  constructor(clients: readonly Client[], options: TrafficOptions, fail: (why: Error) => void) {
    this.#options = options;
    const slots = options.rate > 0 ? OPEN_LOOP_SLOTS : options.inflight;
    const paired = clients.length - (clients.length % 2);
    for (let i = 0; i < paired; i++) {
      this.#senders.push(new Sender(clients[i], options.addressOf(i ^ 1), slots));
    }
    const { acknowledgers } = options;
    for (let i = 0; i < paired; i++) {
      this.#senders[i].acknowledger = acknowledgers?.[i];
      this.#listen(clients[i], this.#senders[i ^ 1], acknowledgers?.[i], fail);
    }
  }

  get arrived(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.arrived, 0);
  }

  get underway(): number {
    return this.#senders.reduce((sum, sender) => sum + sender.sent - sender.arrived, 0);
  }

  start(): void {
    this.#running = true;
    if (this.#options.rate > 0) this.#paceOpenLoop();
    else this.#fillClosedLoop();
  }

  /** Sends nothing more; what is under way may still arrive. */
  stop(): void {
    this.#running = false;
    clearInterval(this.#timer);
  }

  #listen(
    client: Client,
    from: Sender,
    acknowledger: Acknowledger | undefined,
    fail: (why: Error) => void,
  ): void {
    const scanner = new EndScanner();
    const closedLoop = this.#options.rate === 0;
    client.onLost = fail;
    client.onBytes = (chunk) => {
      const ends = scanner.count(chunk);
      acknowledger?.heard(chunk, ends);
      if (ends === 0) return;
      const now = performance.now();
      if (ends === 1 && isUnexpected(chunk, from)) {
        fail(new Error(`${client.name}: expected ${from.nextId()}, got ${chunk.toString()}`));
      }
      for (let i = 0; i < ends; i++) {
        this.latency.add((now - from.arrive()) * 1000);
        if (closedLoop && this.#running) from.send(now);
      }
    };
  }

  #fillClosedLoop(): void {
    for (const sender of this.#senders) {
      for (let i = 0; i < this.#options.inflight; i++) sender.send(performance.now());
    }
  }

  /** Latency counts from the moment a message was due, so a stall of either side is not hidden. */
  #paceOpenLoop(): void {
    const msPerMessage = 1000 / this.#options.rate;
    const begin = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      for (const now = performance.now(); begin + due * msPerMessage <= now; due++) {
        const sender = this.#senders[due % this.#senders.length];
        if (sender.full) this.skipped++;
        else sender.send(begin + due * msPerMessage);
      }
    }, TICK_MS);
  }
}

/** Looks at a few messages only, and only at one that stands whole at the beginning of its chunk. */
function isUnexpected(chunk: Buffer, from: Sender): boolean {
  if (from.arrived % CHECK_EVERY !== 0 || chunk[0] !== START[0] || chunk[1] !== START[1]) return false;
  return !chunk.includes(from.nextId());
}
