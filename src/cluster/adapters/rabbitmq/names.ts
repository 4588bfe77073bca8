import { createHash } from "node:crypto";
import type { NodeId } from "../../adapter.js";

/** Longer names are hashed: a queue's name has at most 255 bytes, and a prefix takes some. */
const LONGEST = 120;

/**
 * A node's name as part of a queue's name: what is neither letter, digit nor hyphen is written as `_` and the four
 * hexadecimal digits of its UTF-16 code unit, so no two nodes share a queue.
 */
function encodeNode(node: NodeId): string {
  const hex = (unit: string) => `_${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  const encoded = node.replace(/[^A-Za-z0-9-]/g, hex);
  if (encoded !== "" && encoded.length <= LONGEST) return encoded;
  // "h" is no hexadecimal digit: no other name is written like this.
  return `_h${createHash("sha256").update(Buffer.from(node, "utf16le")).digest("hex")}`;
}

/** What a deployment is called on the broker. The last two parts have no dots, so no two prefixes share a queue. */
export class Names {
  constructor(readonly prefix: string) {}

  /** The exchange (direct) of what is for one node; the routing key is `routingKey`. */
  get nodes(): string {
    return `${this.prefix}.exchange.nodes`;
  }

  /** The exchange (fanout) of what is for all nodes. */
  get all(): string {
    return `${this.prefix}.exchange.all`;
  }

  /** The exchange (fanout) of messages that were set aside, and the queue behind it. */
  get deadLetters(): string {
    return `${this.prefix}.all.dead-letters`;
  }

  /** A queue that belongs to who is looking at the dead letters. */
  get deadLettersLock(): string {
    return `${this.prefix}.lock.dead-letters`;
  }

  /** A queue that belongs to who adopts a node. */
  adoptionLock(node: NodeId): string {
    return `${this.prefix}.adoption.${encodeNode(node)}`;
  }

  routingKey(node: NodeId): string {
    return encodeNode(node);
  }

  mailbox(node: NodeId): string {
    return `${this.prefix}.mailbox.${encodeNode(node)}`;
  }
}
