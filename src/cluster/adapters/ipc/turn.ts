export interface Flushable {
  flush(): void;
}

/**
 * What is written within one turn of the event loop goes out together at its end: first the acknowledgements are made up,
 * so that they travel with the messages.
 */
export class Turn {
  #acks: Flushable[] = [];
  #wires: Flushable[] = [];
  #scheduled = false;

  ack(one: Flushable): void {
    this.#acks.push(one);
    this.#schedule();
  }

  wire(one: Flushable): void {
    this.#wires.push(one);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#end);
  }

  readonly #end = (): void => {
    const acks = this.#acks;
    this.#acks = [];
    for (const ack of acks) ack.flush();
    const wires = this.#wires;
    this.#wires = [];
    this.#scheduled = false;
    for (const wire of wires) wire.flush();
  };
}
