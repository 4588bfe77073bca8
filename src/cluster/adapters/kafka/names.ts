import { createHash } from "node:crypto";
import type { NodeId } from "../../adapter.js";

/** Longer names are hashed: a topic's name has at most 249 characters, and a prefix takes some. */
const LONGEST = 120;

/**
 * A node's name as part of a topic's name. What Kafka does not allow there, and "_" and ".", is written as `_` and the four
 * hexadecimal digits of its UTF-16 code unit, so no two nodes share a topic.
 */
function encodeNode(node: NodeId): string {
  const encoded = node.replace(
    /[^A-Za-z0-9-]/g,
    (unit) => `_${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  if (encoded === "") return "_empty";
  if (encoded.length <= LONGEST) return encoded;
  // "h" is no hexadecimal digit: no other name is written like this.
  return `_h${createHash("sha256").update(Buffer.from(node, "utf16le")).digest("hex")}`;
}

/** What a deployment is called on the broker. Its last two parts have no dots, so no two prefixes share a topic. */
export class Names {
  constructor(readonly prefix: string) {}

  /** Of all nodes: what is for every other node. */
  get broadcast(): string {
    return `${this.prefix}.all.broadcast`;
  }

  /** Of all nodes, compacted: messages that were set aside. */
  get deadLetters(): string {
    return `${this.prefix}.all.dead-letters`;
  }

  /** Of all nodes, compacted: who adopts whom. */
  get claims(): string {
    return `${this.prefix}.all.claims`;
  }

  /** The topic of what is for one node, and the group that its position is committed under. */
  mailbox(node: NodeId): string {
    return `${this.prefix}.mailbox.${encodeNode(node)}`;
  }
}
