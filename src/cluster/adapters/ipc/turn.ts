/** ms that an acknowledgement may wait for others. */
const LATE = 2;

export interface Flushable {
  flush(): void;
}

/**
 * What is written by one callback goes out together when it has returned, with the acknowledgements that are due: they travel with
 * messages, or at the end of the turn of the event loop without any. Those that are not due are a little later.
 */
export class Turn {
  #acks: Flushable[] = [];
  #lateAcks: Flushable[] = [];
  #wires: Flushable[] = [];

  ack(one: Flushable): void {
    if (this.#acks.length === 0) setImmediate(this.#end);
    this.#acks.push(one);
  }

  ackLater(one: Flushable): void {
    if (this.#lateAcks.length === 0) setTimeout(this.#late, LATE);
    this.#lateAcks.push(one);
  }

  wire(one: Flushable): void {
    if (this.#wires.length === 0) queueMicrotask(this.#end);
    this.#wires.push(one);
  }

  /** All that there is to write, now. */
  finish(): void {
    this.#acks.push(...this.#lateAcks.splice(0));
    this.#end();
  }

  readonly #late = (): void => this.finish();

  readonly #end = (): void => {
    const acks = this.#acks;
    this.#acks = [];
    for (const ack of acks) ack.flush();
    const wires = this.#wires;
    this.#wires = [];
    for (const wire of wires) wire.flush();
  };
}
