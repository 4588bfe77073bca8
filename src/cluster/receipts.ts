import type { Receipt } from "../session/session.js";
import type { NodeId } from "./adapter.js";
import type { Outcome } from "./envelope.js";
import { Places } from "./places.js";

interface Outstanding {
  node: NodeId;
  receipt: Receipt;
}

/** Receipts of stanzas that are with other nodes, until those say what became of them, or are gone. */
export class SentReceipts {
  readonly #outstanding = new Places<Outstanding>();
  #last = 0;

  get size(): number {
    return this.#outstanding.size;
  }

  /** @returns the number under which the other node knows it. */
  add(node: NodeId, receipt: Receipt): number {
    this.#last += 1;
    this.#outstanding.add(this.#last, { node, receipt });
    return this.#last;
  }

  /** What became of one; a node speaks of those alone that it was given. */
  tell(node: NodeId, number: number, outcome: Outcome): void {
    const found = this.#outstanding.get(number);
    if (found?.node !== node) return;
    this.#outstanding.delete(number);
    const { receipt } = found;
    if (outcome === "d") receipt.delivered();
    else if (outcome === "x" && receipt.refused) receipt.refused();
    else if (outcome === "l" && receipt.later) receipt.later(node);
    else receipt.failed();
  }

  /** A node cannot be reached for the moment. */
  doubt(node: NodeId): void {
    for (const [, one] of this.#outstanding.entries()) if (one.node === node) one.receipt.doubtful?.();
  }

  /** A node is gone, with all that it was given: in the order in which it was. */
  lost(node: NodeId): void {
    const lost = this.#outstanding.entries().filter(([, one]) => one.node === node);
    for (const [number] of lost) this.#outstanding.delete(number);
    for (const [, { receipt }] of lost) receipt.failed();
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
