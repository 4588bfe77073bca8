/** As little of WebSocket (RFC 6455) as a client of the benchmark needs. */
import { randomBytes } from "node:crypto";

const TEXT = 0x81;
const PING = 0x89;
const MASKED = 0x80;
const MASK_BYTES = 4;

/** What asks a server for a WebSocket that speaks XMPP: RFC 7395 §3.1. */
export function upgradeRequest(port: number): string {
  const lines = {
    Host: `localhost:${port}`,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "xmpp",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
  };
  const headers = Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /ws HTTP/1.1\r\n${headers.join("")}\r\n`;
}

/** How far behind the beginning of its frame a text of so many bytes, at most 65,535, starts. */
export function frameHead(length: number): number {
  return (length < 126 ? 2 : 4) + MASK_BYTES;
}

/** A text as a frame. Its mask is zero (RFC 6455 §5.3 wants a random one), so that bytes built once can be changed. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = frameHead(length);
  const frame = Buffer.alloc(head + length);
  frame[0] = TEXT;
  if (length < 126) {
    frame[1] = MASKED | length;
  } else {
    frame[1] = MASKED | 126;
    frame.writeUInt16BE(length, 2);
  }
  frame.write(text, head);
  return frame;
}

/** The answer to a ping without data, which comes in a silence and so by itself: RFC 6455 §5.5.2. */
export const pong = Buffer.from([0x8a, MASKED, 0, 0, 0, 0]);

export function isPing(chunk: Buffer): boolean {
  return chunk.length === 2 && chunk[0] === PING && chunk[1] === 0;
}
