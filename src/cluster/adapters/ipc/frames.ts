/*
 * A frame is its length (4 bytes, of what follows), its type (1 byte) and what belongs to it. Those from `MESSAGE` to
 * `ADOPTED` are numbered by their sender, separately for each node: it keeps them until they are acknowledged, and sends
 * them again on a new connection. Numbers are doubles: 2^53 are enough.
 */
export enum Frame {
  /** Who connects, and to whom (JSON): the first on each connection. */
  Hello = 1,
  /** The answer, with how far the node has come with what this sender sent (JSON). */
  Welcome,
  /** number · id · length of the key · key · body */
  Message,
  /** A message for a node that died, to its heir: number · length of the dead node's name · name · id · … as in a message. */
  Inherit,
  /** number · the name of a node that died: whoever keeps something for it gives it to the sender of this. */
  Adopt,
  /** number · the name of the dead node: that was all. */
  Handed,
  /** number · the name of the dead node: nothing of it is left. */
  Adopted,
  /** All up to this number have arrived · runs of numbers that were received (first, count). */
  Ack,
  /** The sender takes no new messages from now on. */
  Leaving,
  /** The sender sends no more messages to a node that leaves. */
  Last,
}

const LENGTH = 4;
/** Of each frame. */
export const HEADER = LENGTH + 1;
/** Where the number of a numbered frame ends. */
const NUMBERED = HEADER + 8;
const RUN = 12;
/** Bytes that the frame of a message has besides key and body, with a dead node's name. */
export const OVERHEAD = 4096;

export interface Hello {
  from: string;
  /** Undefined when a newcomer asks who is there: then nothing follows. */
  to?: string;
}

export interface Welcome {
  name: string;
  /** The last number that has arrived. */
  have: number;
  leaving: boolean;
}

function begin(type: Frame, length: number): Buffer {
  const frame = Buffer.allocUnsafe(HEADER + length);
  frame.writeUInt32BE(1 + length, 0);
  frame[LENGTH] = type;
  return frame;
}

export function jsonFrame(type: Frame.Hello | Frame.Welcome, content: Hello | Welcome): Buffer {
  const text = Buffer.from(JSON.stringify(content));
  const frame = begin(type, text.length);
  frame.set(text, HEADER);
  return frame;
}

export function bareFrame(type: Frame.Leaving | Frame.Last): Buffer {
  return begin(type, 0);
}

export function nodeFrame(type: Frame.Adopt | Frame.Handed | Frame.Adopted, n: number, name: string): Buffer {
  const text = Buffer.from(name);
  const frame = begin(type, 8 + text.length);
  frame.writeDoubleBE(n, HEADER);
  frame.set(text, NUMBERED);
  return frame;
}

/** The bytes of the body are copied. */
export function messageFrame(n: number, id: number, key: string, body: Uint8Array): Buffer {
  const keyLength = Buffer.byteLength(key);
  const frame = begin(Frame.Message, 20 + keyLength + body.length);
  frame.writeDoubleBE(n, HEADER);
  frame.writeDoubleBE(id, NUMBERED);
  frame.writeUInt32BE(keyLength, NUMBERED + 8);
  frame.write(key, NUMBERED + 12);
  frame.set(body, NUMBERED + 12 + keyLength);
  return frame;
}

/** The frame of a message to a node, as it goes to the heir of that node. */
export function inheritFrame(n: number, dead: string, frame: Buffer): Buffer {
  const content = frame.subarray(contentAt(frame));
  const name = Buffer.from(dead);
  const inherited = begin(Frame.Inherit, 12 + name.length + content.length);
  inherited.writeDoubleBE(n, HEADER);
  inherited.writeUInt32BE(name.length, NUMBERED);
  inherited.set(name, NUMBERED + 4);
  inherited.set(content, NUMBERED + 4 + name.length);
  return inherited;
}

export function isMessage(frame: Buffer): boolean {
  return frame[LENGTH] === Frame.Message || frame[LENGTH] === Frame.Inherit;
}

function contentAt(frame: Buffer): number {
  return frame[LENGTH] === Frame.Inherit ? NUMBERED + 4 + frame.readUInt32BE(NUMBERED) : NUMBERED;
}

export interface Content {
  id: number;
  key: string;
  /** Shares the memory of what was read. */
  body: Uint8Array;
}

/** Of a part that begins with the id. */
export function readContent(bytes: Buffer, at: number, end: number): Content {
  const bodyAt = at + 12 + bytes.readUInt32BE(at + 8);
  return {
    id: bytes.readDoubleBE(at),
    key: bytes.toString("utf8", at + 12, bodyAt),
    body: bytes.subarray(bodyAt, end),
  };
}

/** Of a frame that was made here. */
export function contentOf(frame: Buffer): Content {
  return readContent(frame, contentAt(frame), frame.length);
}

/** @param runs pairs: the first number and how many follow one another from there. */
export function ackFrame(have: number, runs: readonly number[]): Buffer {
  const frame = begin(Frame.Ack, 8 + (runs.length / 2) * RUN);
  frame.writeDoubleBE(have, HEADER);
  for (let i = 0, at = NUMBERED; i < runs.length; i += 2, at += RUN) {
    frame.writeDoubleBE(runs[i], at);
    frame.writeUInt32BE(runs[i + 1], at + 8);
  }
  return frame;
}

export function readRuns(
  bytes: Buffer,
  at: number,
  end: number,
  visit: (first: number, count: number) => void,
): void {
  for (let next = at; next < end; next += RUN) visit(bytes.readDoubleBE(next), bytes.readUInt32BE(next + 8));
}
