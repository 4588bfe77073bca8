import type { Channel } from "amqplib";
import type { NodeId } from "../../adapter.js";
import { Backoff } from "./backoff.js";
import { isLocked, isMissing, isRefused, type Link } from "./link.js";
import type { Names } from "./names.js";
import type { RabbitOptions } from "./options.js";

/** ms between two looks at a queue. */
const LOOK = 10;
const LEAST_OFTEN = 250;

/** Since RabbitMQ 4.0 a quorum queue throws away what was handed out twenty times, be it only to look at it. */
const UNLIMITED = { "x-delivery-limit": 2 ** 31 - 1 };

/**
 * Whoever comes next is handed something only when what the one before had is back in its place: without that it might be
 * given later messages first. That a queue has no consumers does not tell: so says a quorum queue that has no leader, too.
 */
const IN_ORDER = { "x-single-active-consumer": true };

/** Since RabbitMQ 4.3 what a consumer had comes back only after this time (ms) when its broker is gone; by default a minute. */
const SOON = { "x-consumer-disconnected-timeout": 1000 };

const typed = ({ queueType }: RabbitOptions, more: object = {}) => ({
  durable: true,
  arguments: { "x-queue-type": queueType, ...(queueType === "quorum" && UNLIMITED), ...more },
});

/** What the nodes share. @param note is told of what is there already and has other settings */
export async function declareDeployment(
  link: Link,
  names: Names,
  options: RabbitOptions,
  note: (text: string) => void,
): Promise<void> {
  await link.ask(async (channel) => {
    await channel.assertExchange(names.nodes, "direct", { durable: true });
    await channel.assertExchange(names.all, "fanout", { durable: true });
    await channel.assertExchange(names.deadLetters, "fanout", { durable: true });
  });
  const bound = { "x-max-length": options.maxDeadLetters, "x-overflow": "drop-head" };
  try {
    await link.ask((channel) => channel.assertQueue(names.deadLetters, typed(options, bound)));
  } catch (error) {
    if (!isRefused(error)) throw error;
    note(`the queue ${names.deadLetters} has other settings than the configuration; they remain`);
  }
  await link.ask((channel) => channel.bindQueue(names.deadLetters, names.deadLetters, ""));
}

/** All that is sent to the node, and to all, from here on will be in it. */
export async function makeMailbox(
  link: Link,
  names: Names,
  node: NodeId,
  options: RabbitOptions,
): Promise<void> {
  const queue = names.mailbox(node);
  await link.ask(async (channel) => {
    const more = { ...IN_ORDER, ...(options.queueType === "quorum" && SOON) };
    await channel.assertQueue(queue, typed(options, more));
    await bind(channel, names, node);
  });
}

/** The same for a mailbox that should be there. @returns false when it is not */
export async function openMailbox(link: Link, names: Names, node: NodeId): Promise<boolean> {
  try {
    await link.ask((channel) => bind(channel, names, node));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

async function bind(channel: Channel, names: Names, node: NodeId): Promise<void> {
  const queue = names.mailbox(node);
  await channel.bindQueue(queue, names.nodes, names.routingKey(node));
  await channel.bindQueue(queue, names.all, "");
}

/** What is sent to the node from here on is refused. */
export async function closeMailbox(link: Link, names: Names, node: NodeId): Promise<void> {
  const queue = names.mailbox(node);
  await link.ask(async (channel) => {
    await channel.unbindQueue(queue, names.nodes, names.routingKey(node));
    await channel.unbindQueue(queue, names.all, "");
  });
}

/** @returns false when it is not empty */
export async function removeMailbox(link: Link, queue: string, options: RabbitOptions): Promise<boolean> {
  try {
    await link.ask(async (channel) => {
      // Quorum queues know no condition.
      const ifEmpty = options.queueType === "classic";
      if (!ifEmpty && (await channel.checkQueue(queue)).messageCount > 0) throw new NotEmpty();
      await channel.deleteQueue(queue, { ifEmpty });
    });
    return true;
  } catch (error) {
    if (isRefused(error) || error instanceof NotEmpty) return false;
    throw error;
  }
}

class NotEmpty extends Error {}

export async function isThere(link: Link, queue: string): Promise<boolean> {
  try {
    await link.ask((channel) => channel.checkQueue(queue));
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Whether another connection has this queue for itself. */
export async function isLockedBySomebody(link: Link, queue: string): Promise<boolean> {
  try {
    return await isThere(link, queue);
  } catch (error) {
    if (isLocked(error)) return true;
    throw error;
  }
}

/** @returns whether it is ours now; the broker removes it when the connection ends */
export async function lock(link: Link, queue: string): Promise<boolean> {
  try {
    await link.ask((channel) => channel.assertQueue(queue, { exclusive: true, durable: false }));
    return true;
  } catch (error) {
    if (isLocked(error)) return false;
    throw error;
  }
}

export async function unlock(link: Link, queue: string): Promise<void> {
  if (!link.lost.aborted) await link.ask((channel) => channel.deleteQueue(queue));
}

/**
 * Waits until nobody consumes a queue. A consumer that stands still, or whose line was cut, is there until the broker has
 * missed its heartbeats, for up to two of them; what it was handed comes after that, in its old place.
 * @returns false when it is there even after three
 */
export async function unconsumed(link: Link, queue: string, options: RabbitOptions): Promise<boolean> {
  const deadline = Date.now() + 3000 * options.heartbeat;
  const backoff = new Backoff(LEAST_OFTEN, LOOK);
  return link.ask(async (channel) => {
    for (;;) {
      if ((await channel.checkQueue(queue)).consumerCount === 0) return true;
      if (Date.now() > deadline) return false;
      await backoff.wait(link.lost);
    }
  });
}
