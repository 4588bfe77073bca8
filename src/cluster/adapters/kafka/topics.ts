import { setTimeout as wait } from "node:timers/promises";
import type { Client } from "./client.js";
import { answerOf, type Link, type NewRecord, type TopicConfig } from "./link.js";
import type { KafkaOptions } from "./options.js";

/** ms */
const LOOK_AGAIN = 10;
/** ms that it may take until every broker has heard of a topic. */
export const NEWS_TIME = 500;

/** Bytes of a batch. One with the smallest message has 85, with the mark 68. */
const CLOSED = 76;
/** What is no message: with nothing in it, and as large as one. */
const MARK: NewRecord = { key: null, value: null, headers: {} };
const TRIAL: NewRecord = { ...MARK, value: Buffer.alloc(32) };

export type TopicKind = "mailbox" | "broadcast" | "ledger";

export function configOf(kind: TopicKind, options: KafkaOptions): TopicConfig {
  const common = {
    "min.insync.replicas": String(options.minInSync),
    // The batch around a message of the largest size counts too.
    "max.message.bytes": String(options.maxMessageSize + options.batchSize),
  };
  if (kind === "ledger") return { ...common, "cleanup.policy": "compact" };
  const kept = kind === "mailbox" ? options.retention : options.broadcastRetention;
  return {
    ...common,
    "cleanup.policy": "delete",
    "retention.ms": String(kept),
    // What was received is deleted by whole segments.
    "segment.bytes": String(64 * 1024 * 1024),
  };
}

/** Makes a topic and waits until it has a leader. @returns false when there was one of that name */
export async function makeTopic(
  client: Client,
  topic: string,
  config: TopicConfig,
  until: AbortSignal,
): Promise<boolean> {
  const made = await client.persist((link) => link.createTopic(topic, config), until);
  await client.persist(async (link) => link.endOf(topic), until);
  return made;
}

/** Whether there is such a topic. That there is none counts only when it is still so after a while. */
export function isThere(client: Client, topic: string, until?: AbortSignal): Promise<boolean> {
  return client.persist(async (link) => {
    const began = Date.now();
    while (!(await link.hasTopic(topic))) {
      if (Date.now() - began >= NEWS_TIME) return false;
      await wait(10 * LOOK_AGAIN);
    }
    return true;
  }, until);
}

/**
 * Closes a mailbox: from now on the broker takes no message for it, and it can still be read. A bound on the size of batches
 * does that. It takes a moment to be in force, so something is sent until it is refused. What the broker had taken by then may
 * still be on its way to the other replicas, and cannot be read before it is there: the mark behind it is confirmed after it.
 * @returns the offset of the mark; undefined when there is no such mailbox
 */
export function closeMailbox(
  client: Client,
  topic: string,
  options: KafkaOptions,
  until: AbortSignal,
): Promise<number | undefined> {
  const closed = { ...configOf("mailbox", options), "max.message.bytes": String(CLOSED) };
  return client.persist(async (link) => {
    if (!(await link.hasTopic(topic))) return undefined;
    await link.configureTopic(topic, closed);
    while (await takesMore(link, topic)) await wait(LOOK_AGAIN);
    return (await link.hasTopic(topic)) ? link.produce(topic, [MARK]) : undefined;
  }, until);
}

async function takesMore(link: Link, topic: string): Promise<boolean> {
  try {
    await link.produce(topic, [TRIAL]);
    return true;
  } catch (error) {
    if (["MESSAGE_TOO_LARGE", "UNKNOWN_TOPIC_OR_PARTITION"].includes(answerOf(error) ?? "")) return false;
    throw error;
  }
}

/** Removes a mailbox with the note of how far it was read. Resolves when brokers no longer show it. */
export function removeMailbox(client: Client, topic: string, until: AbortSignal): Promise<void> {
  return client.persist(async (link) => {
    await link.deleteTopic(topic);
    await link.forgetCommitted(topic);
    while (await link.hasTopic(topic)) await wait(LOOK_AGAIN);
  }, until);
}
