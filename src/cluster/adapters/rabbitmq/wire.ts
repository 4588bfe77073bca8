import type { ClusterMessage, DeadLetter, NodeId } from "../../adapter.js";

/*
 * A message is its number (6 bytes), the lengths of the sender's name and of the key (4 bytes each), these, and the body.
 * In front of everything stands what it is. All of it is in the content: AMQP's own headers are small.
 */
const MESSAGE = 1;
const MARK = 2;
const HEADER = 15;

/** What the broker handed over. */
export type Content = { message: ClusterMessage } | { mark: string };

/** @param number different for each message of a sender. The bytes are copied. */
export function toContent(number: number, from: NodeId, key: string, body: Uint8Array): Buffer {
  const fromLength = Buffer.byteLength(from);
  const keyLength = Buffer.byteLength(key);
  const content = Buffer.allocUnsafe(HEADER + fromLength + keyLength + body.length);
  content.writeUInt8(MESSAGE, 0);
  content.writeUIntBE(number, 1, 6);
  content.writeUInt32BE(fromLength, 7);
  content.writeUInt32BE(keyLength, 11);
  content.write(from, HEADER);
  content.write(key, HEADER + fromLength);
  content.set(body, HEADER + fromLength + keyLength);
  return content;
}

/** The last in a mailbox that nothing is sent to any more. */
export const toMark = (id: string): Buffer => Buffer.concat([Buffer.of(MARK), Buffer.from(id)]);

/** @returns undefined when it is nothing that an adapter of this version has sent */
export function toMessage(content: Buffer): Content | undefined {
  if (content[0] === MARK) return { mark: content.toString("utf8", 1) };
  if (content[0] !== MESSAGE || content.length < HEADER) return undefined;
  const keyAt = HEADER + content.readUInt32BE(7);
  const bodyAt = keyAt + content.readUInt32BE(11);
  if (bodyAt > content.length) return undefined;
  const from = content.toString("utf8", HEADER, keyAt);
  return {
    message: {
      id: `${from}-${content.readUIntBE(1, 6)}`,
      from,
      key: content.toString("utf8", keyAt, bodyAt),
      body: content.subarray(bodyAt),
    },
  };
}

/** A dead letter is JSON, with its length in front of it, and the message's body. */
export function toLetter(letter: DeadLetter): Buffer {
  const { body, ...rest } = letter;
  const about = Buffer.from(JSON.stringify(rest));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(about.length);
  return Buffer.concat([length, about, body]);
}

export function fromLetter(content: Buffer): DeadLetter {
  const bodyAt = 4 + content.readUInt32BE(0);
  const about = JSON.parse(content.toString("utf8", 4, bodyAt)) as Omit<DeadLetter, "body" | "at"> & {
    at: string;
  };
  return { ...about, at: new Date(about.at), body: content.subarray(bodyAt) };
}
