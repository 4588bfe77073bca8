import type { ClusterMessage, NodeId } from "../../adapter.js";
import type { KafkaRecord, NewRecord } from "./link.js";

/** What a message has beside its bytes. */
export interface Envelope {
  id: string;
  from: NodeId;
  key: string;
}

/*
 * A message as a record: the body is the value, and the rest stands in headers, since a record's own key is for
 * compaction.
 */
export function toRecord({ id, from, key }: Envelope, body: Uint8Array): NewRecord {
  return {
    key: null,
    // A copy: the sender may use its bytes again.
    value: Buffer.from(body),
    headers: { id: Buffer.from(id), from: Buffer.from(from), key: Buffer.from(key) },
  };
}

/** The record with what has to be dealt with before it. */
export function following(record: NewRecord, after: ReadonlyMap<string, number>): NewRecord {
  if (after.size === 0) return record;
  const text = JSON.stringify(Object.fromEntries(after));
  return { ...record, headers: { ...record.headers, after: Buffer.from(text) } };
}

/** What has to be dealt with before: topics with offsets. */
export function afterOf({ headers }: KafkaRecord): Record<string, number> | undefined {
  return headers.after ? (JSON.parse(headers.after.toString()) as Record<string, number>) : undefined;
}

/** @returns undefined for a record that is no message, such as the mark of a mailbox that is being closed. */
export function toMessage({ value, headers }: KafkaRecord): ClusterMessage | undefined {
  const { id, from, key } = headers;
  if (!id || !from || !key) return undefined;
  return { id: id.toString(), from: from.toString(), key: key.toString(), body: value ?? Buffer.alloc(0) };
}

/** Bytes that it takes, about. */
export const sizeOf = ({ key, value, headers }: NewRecord) =>
  (key?.length ?? 0) +
  (value?.length ?? 0) +
  Object.entries(headers).reduce((sum, [name, text]) => sum + name.length + text.length + 4, 32);
