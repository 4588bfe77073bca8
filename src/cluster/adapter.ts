/** Names one run of one server process: fresh at each process start. */
export type NodeId = string;

export interface ClusterMessage {
  /** Unique, chosen by the sender; the same when the broker hands a message over twice. */
  id: string;
  from: NodeId;
  /** Messages with the same key from the same sender arrive in the order sent. */
  key: string;
  body: Uint8Array;
}

export type Receive = (message: ClusterMessage) => Promise<void>;
export type OnState = (state: "up" | "down", why?: Error) => void;

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
  /** Lets running receives finish, flushes, leaves nothing behind on the broker. Idempotent; later sends reject. */
  stop(): Promise<void>;
}
