/** The little of DER (X.690) that certificates need: writing one, and finding the signature algorithm of one. */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value: tag, length, content. */
export function encode(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag, ...encodeLength(body.length)]), body]);
}

export function sequence(...content: Uint8Array[]): Buffer {
  return encode(TAG.sequence, ...content);
}

/** `"1.2.840.10045.4.3.2"`. X.690 §8.19 */
export function oid(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  return encode(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** A point in time as certificates write it. RFC 5280 §4.1.2.5 */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/[-:T]|\..*$/g, "")}Z`;
  // Years until 2049 are written with two digits.
  return date.getUTCFullYear() < 2050
    ? encode(TAG.utcTime, Buffer.from(digits.slice(2)))
    : encode(TAG.generalizedTime, Buffer.from(digits));
}

export interface Value {
  tag: number;
  content: Buffer;
}

/**
 * The values that stand one after the other.
 * @throws RangeError if the bytes end too early
 */
export function decode(bytes: Buffer): Value[] {
  const values: Value[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [start, length] = decodeLength(bytes, at + 1);
    if (start + length > bytes.length) throw new RangeError("DER value is cut off");
    values.push({ tag: bytes[at], content: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return values;
}

/** The content of an OID value as numbers with dots. */
export function readOid(content: Buffer): string {
  const [first, ...rest] = content;
  const numbers = [Math.floor(first / 40), first % 40];
  let number = 0;
  for (const byte of rest) {
    number = number * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      numbers.push(number);
      number = 0;
    }
  }
  return numbers.join(".");
}

function encodeLength(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** Where the content starts, and how long it is. */
function decodeLength(bytes: Buffer, at: number): [number, number] {
  const first = bytes.readUInt8(at);
  if (first < 0x80) return [at + 1, first];
  const size = first & 0x7f;
  return [at + 1 + size, bytes.readUIntBE(at + 1, size)];
}

function base128(number: number): number[] {
  const bytes = [number & 0x7f];
  for (let rest = Math.floor(number / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest & 0x7f));
  }
  return bytes;
}
