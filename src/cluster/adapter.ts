import type { ZodType } from "zod";

/** Names one run of one server process: fresh at each process start. */
export type NodeId = string;

/** Bytes of a body that every adapter has to take, whatever its options say. */
export const MIN_MESSAGE_SIZE = 1024 ** 2;

export interface ClusterMessage {
  /** Unique, chosen by the sender; the same when the broker hands a message over twice. */
  id: string;
  from: NodeId;
  /** Messages with the same key from the same sender arrive in the order sent. */
  key: string;
  body: Uint8Array;
}

/** A message that could not be received, however often it was tried. */
export interface DeadLetter extends ClusterMessage {
  /** The node that it was for. */
  to: NodeId;
  /** What the last attempt said. */
  reason: string;
  /** When it was set aside. */
  at: Date;
}

export type Receive = (message: ClusterMessage) => Promise<void>;
/**
 * "gone": the node's mailbox is no more, since others have adopted it or the broker has lost it. It is of no use to go on under this
 * name.
 */
export type AdapterState = "up" | "down" | "gone";
export type OnState = (state: AdapterState, why?: Error) => void;

/**
 * What carries bytes between named nodes. An adapter knows no XMPP: envelope, heartbeat, deadlines, dedupe and takeover
 * stand above it, in `cluster.ts`. An adapter is right when it passes `spec/cluster/adapter.suite.ts`.
 */
export interface ClusterAdapter {
  /**
   * Resolves once all that is sent to `self` from now on will arrive. `receive` is awaited before the broker is
   * acknowledged; when it rejects, the message is tried again, and after the adapter's limit set aside as a dead letter
   * with the reason.
   */
  start(self: NodeId, receive: Receive, state: OnState): Promise<void>;
  /**
   * Resolves when the broker has it safely (publisher confirm, acks=all), rejects if not: never silent. Same key, same
   * order. `"*"` means all other nodes. A node that does not exist rejects.
   */
  send(to: NodeId | "*", key: string, body: Uint8Array, options?: { durable?: boolean }): Promise<void>;
  /** Drains what is left in a dead node's mailbox, to exactly one survivor, then removes it. Resolves with the number drained. */
  adopt(dead: NodeId, receive: Receive): Promise<number>;
  /**
   * What was set aside in this deployment, by any node, oldest first. It outlives the nodes as the broker's other messages
   * do; of more than the adapter's bound the oldest go.
   * @param limit how many at the most
   */
  deadLetters(limit: number): Promise<DeadLetter[]>;
  /** Removes what has this id. @returns whether there was anything. */
  dropDeadLetter(id: string): Promise<boolean>;
  /** Lets running receives finish, flushes, leaves nothing behind on the broker. Idempotent; later sends reject. */
  stop(): Promise<void>;
}

/** What an adapter may say to the server's log. */
export interface AdapterLog {
  info(fields: object, text: string): void;
  warn(fields: object, text: string): void;
}

/** What the package (or module) of an adapter exports as `adapter`. */
export interface AdapterModule<Options = unknown> {
  /** As it is named in the configuration. */
  name: string;
  /** Checks and completes the options that the configuration gives for it; each option has a default and a sentence. */
  options: ZodType<Options>;
  create(options: Options, log: AdapterLog): ClusterAdapter;
}
