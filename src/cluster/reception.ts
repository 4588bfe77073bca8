import type { Logger } from "../log.js";
import type { ClusterMessage, NodeId } from "./adapter.js";
import { type Batch, decode, encode, type Item } from "./envelope.js";
import type { Peer } from "./peer.js";

/** ms between two complaints that something is missing. */
const AGAIN_EVERY = 1000;
/** Of one item; the largest is a session with all that its client has not acknowledged. */
const MAX_PARTS = 1000;

export interface ReceptionParts {
  /** A node has said something. @returns undefined when nobody listens to it any more */
  heard(from: NodeId): Peer | undefined;
  handle(item: Item, from: NodeId): void;
  /** Something that node said before is lost. */
  missed(from: NodeId): void;
  /** An item was set aside. */
  refused(item: Item, from: NodeId): void;
  /** To this node's own mailbox. */
  sendSelf(key: string, body: Uint8Array): Promise<void>;
  log: Logger;
}

/** Where what other nodes say comes in: each batch once, in order, item by item. */
export class Reception {
  constructor(private readonly parts: ReceptionParts) {}

  /**
   * Awaited before the broker forgets the message. Rejects for what cannot be read: the adapter sets it aside; and while something
   * that cannot be handled cannot be set aside either: it comes again then, and goes on from there.
   */
  async receive({ from, body }: ClusterMessage): Promise<void> {
    const batch = decode(body);
    if (batch.poison !== undefined) throw new Error(batch.poison);
    const peer = this.parts.heard(from);
    if (!peer || !this.#isNext(peer, batch)) return;
    if (peer.handling !== batch.n) {
      peer.handling = batch.n;
      peer.handled = 0;
    }
    while (peer.handled < batch.items.length) {
      const item = batch.items[peer.handled];
      try {
        const whole = item[0] === "part" ? this.#join(peer, item) : item;
        if (whole) this.parts.handle(whole, from);
      } catch (error) {
        await this.#setAside(item, from, error);
      }
      peer.handled += 1;
    }
    peer.handling = undefined;
    peer.expected = batch.n + 1;
  }

  /** Whether it is the batch that comes next from that node: not one that was sent again, nor one that comes too early. */
  #isNext(peer: Peer, { n, first }: Batch): boolean {
    const expected = peer.expected ?? n;
    if (n < expected) return false;
    if (n > expected && !first) {
      if (Date.now() - peer.lastAgain > AGAIN_EVERY) {
        peer.lastAgain = Date.now();
        peer.link.put(["again", expected]);
      }
      return false;
    }
    if (first && peer.handling !== n) {
      peer.parts = [];
      this.parts.missed(peer.id);
    }
    return true;
  }

  /** @returns the item when this was its last part */
  #join(peer: Peer, [, text, isLast]: Extract<Item, ["part", ...unknown[]]>): Item | undefined {
    peer.parts.push(text);
    if (isLast === 0) {
      if (peer.parts.length <= MAX_PARTS) return undefined;
      peer.parts = [];
      throw new Error("an item in too many parts");
    }
    const whole = JSON.parse(peer.parts.join("")) as Item;
    peer.parts = [];
    return whole;
  }

  /** One item that cannot be handled does not hold up the others: it goes to the dead letters by way of the own mailbox. */
  async #setAside(item: Item, from: NodeId, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error.message : String(error);
    this.parts.log.error(
      { err: error, node: from, kind: item[0] },
      "what another node said could not be handled",
    );
    await this.parts.sendSelf("poison", encode({ n: 0, items: [item], poison: reason }));
    this.parts.refused(item, from);
  }
}
