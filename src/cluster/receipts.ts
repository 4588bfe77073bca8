import type { Receipt } from "../session/session.js";
import type { NodeId } from "./adapter.js";
import type { Outcome } from "./envelope.js";

/** Receipts that have a place of their own, by their numbers; nearly all are told before as many others have come. */
const PLACES = 4096;

interface Outstanding {
  number: number;
  node: NodeId;
  receipt: Receipt;
}

/** Receipts of stanzas that are with other nodes, until those say what became of them, or are gone. */
export class SentReceipts {
  /** Not in a Map, which would be remade with every few of them: see `xml/spare-parsers.ts`. */
  readonly #places = new Array<Outstanding | undefined>(PLACES);
  /** Those whose place is another's by now. */
  readonly #late = new Map<number, Outstanding>();
  #last = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns the number under which the other node knows it. */
  add(node: NodeId, receipt: Receipt): number {
    this.#last += 1;
    const number = this.#last;
    const before = this.#places[number % PLACES];
    if (before) this.#late.set(before.number, before);
    this.#places[number % PLACES] = { number, node, receipt };
    this.#size += 1;
    return number;
  }

  /** What became of one; a node speaks of those alone that it was given. */
  tell(node: NodeId, number: number, outcome: Outcome): void {
    const found = this.#find(number);
    if (found?.node !== node) return;
    this.#remove(number);
    const { receipt } = found;
    if (outcome === "d") receipt.delivered();
    else if (outcome === "x" && receipt.refused) receipt.refused();
    else if (outcome === "l" && receipt.later) receipt.later(node);
    else receipt.failed();
  }

  /** A node cannot be reached for the moment. */
  doubt(node: NodeId): void {
    for (const { receipt } of this.#of(node)) receipt.doubtful?.();
  }

  /** A node is gone, with all that it was given: in the order in which it was. */
  lost(node: NodeId): void {
    const lost = this.#of(node);
    for (const { number } of lost) this.#remove(number);
    for (const { receipt } of lost) receipt.failed();
  }

  #find(number: number): Outstanding | undefined {
    const found = this.#places[number % PLACES];
    return found?.number === number ? found : this.#late.get(number);
  }

  #remove(number: number): void {
    if (this.#places[number % PLACES]?.number === number) this.#places[number % PLACES] = undefined;
    else this.#late.delete(number);
    this.#size -= 1;
  }

  #of(node: NodeId): Outstanding[] {
    const all = [...this.#late.values(), ...this.#places.filter((one) => one !== undefined)];
    return all.filter((one) => one.node === node).sort((a, b) => a.number - b.number);
  }
}

/** Who is told what becomes of a stanza that another node has given this one. */
export interface GivenEvents {
  became(origin: NodeId, number: number, outcome: Outcome, kept: Receipt["kept"]): void;
}

/** The receipt of a stanza on the node that has the session. */
export class GivenReceipt implements Receipt {
  #told = false;

  constructor(
    private readonly events: GivenEvents,
    private readonly origin: NodeId,
    private readonly number: number,
    readonly kept: Receipt["kept"],
  ) {}

  delivered(): void {
    this.#tell("d");
  }

  failed(): void {
    this.#tell("f");
  }

  refused(): void {
    this.#tell("x");
  }

  later(): void {
    this.#tell("l");
  }

  #tell(outcome: Outcome): void {
    if (this.#told) return;
    this.#told = true;
    this.events.became(this.origin, this.number, outcome, this.kept);
  }
}
