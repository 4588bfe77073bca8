import {
  type ClusterMessage,
  type DeadLetter,
  MIN_MESSAGE_SIZE,
  type NodeId,
  type OnState,
  type Receive,
} from "../adapter.js";
import { Mailbox, type MailboxOptions } from "./memory-mailbox.js";

export interface MemoryBusOptions extends MailboxOptions {
  /** Dead letters kept; the oldest go. */
  deadLetters: number;
}

const DEFAULTS: MemoryBusOptions = {
  inFlight: 64,
  capacity: 100_000,
  attempts: 3,
  retry: 10,
  deadLetters: 1000,
};

interface Node {
  mailbox: Mailbox;
  state: OnState;
  /** It takes no further messages. */
  closed: boolean;
  /** Somebody has taken over what is left. */
  adopted: boolean;
}

/** The broker of nodes that live in one process: one bus is one deployment. */
export class MemoryBus {
  readonly #nodes = new Map<NodeId, Node>();
  readonly #options: MemoryBusOptions;
  readonly #deadLetters: DeadLetter[] = [];
  #lost: Error | undefined;

  constructor(options: Partial<MemoryBusOptions> = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  get deadLetters(): readonly DeadLetter[] {
    return this.#deadLetters;
  }

  dropDeadLetter(id: string): boolean {
    const index = this.#deadLetters.findIndex((letter) => letter.id === id);
    if (index >= 0) this.#deadLetters.splice(index, 1);
    return index >= 0;
  }

  /** Nodes that have something on the bus. */
  get nodes(): readonly NodeId[] {
    return [...this.#nodes.keys()];
  }

  /** The bus cannot be reached until `restore`: what it has it keeps. */
  lose(why: Error): void {
    this.#lost = why;
    for (const { mailbox, state } of this.#nodes.values()) {
      mailbox.pause(true);
      state("down", why);
    }
  }

  restore(): void {
    this.#lost = undefined;
    for (const { mailbox, state } of this.#nodes.values()) {
      mailbox.pause(false);
      state("up");
    }
  }

  /** A node ends as its process does on `kill -9`: it hears nothing more, and its mailbox stays. */
  crash(node: NodeId): void {
    const crashed = this.#nodes.get(node);
    if (!crashed) return;
    crashed.mailbox.abandon();
    crashed.state = () => undefined;
  }

  /** @throws Error when the bus is lost or has the node already. */
  join(node: NodeId, receive: Receive, state: OnState): void {
    this.#reach();
    if (this.#nodes.has(node)) throw new Error(`the node ${node} is there already`);
    const mailbox = new Mailbox(this.#options, (message, reason) => this.#bury(node, message, reason));
    this.#nodes.set(node, { mailbox, state, closed: false, adopted: false });
    mailbox.open(receive);
    state("up");
  }

  /** @throws Error when it cannot be put into each of the mailboxes it is for; then it is in none. */
  put(to: NodeId | "*", message: ClusterMessage): void {
    this.#reach();
    if (this.#nodes.get(message.from)?.adopted !== false) throw new Error("the node was adopted");
    if (message.body.length > MIN_MESSAGE_SIZE) throw new Error("the message is too large");
    const targets = to === "*" ? this.#others(message.from) : [this.#node(to)];
    if (targets.some(({ mailbox }) => mailbox.full)) throw new Error(`too much waits for ${to}`);
    // Each has its own bytes, as if they had travelled.
    for (const { mailbox } of targets) mailbox.put({ ...message, body: Uint8Array.from(message.body) });
  }

  /** To the first who asks. @returns the number of messages drained. */
  async adopt(dead: NodeId, receive: Receive): Promise<number> {
    this.#reach();
    const node = this.#nodes.get(dead);
    if (!node || node.adopted) return 0;
    node.adopted = true;
    node.closed = true;
    node.state("gone", new Error(`${dead} was adopted`));
    const before = node.mailbox.done;
    node.mailbox.open(receive);
    await node.mailbox.drained();
    this.#nodes.delete(dead);
    return node.mailbox.done - before;
  }

  /** What was sent to the node is received, then its mailbox goes. A bus that is lost keeps it, for others to adopt. */
  async leave(name: NodeId): Promise<void> {
    const node = this.#nodes.get(name);
    if (!node || node.adopted) return;
    node.closed = true;
    await node.mailbox.drained(true);
    if (this.#lost) this.crash(name);
    else this.#nodes.delete(name);
  }

  #reach(): void {
    if (this.#lost) throw new Error("the bus cannot be reached", { cause: this.#lost });
  }

  #node(name: NodeId): Node {
    const node = this.#nodes.get(name);
    if (!node || node.closed) throw new Error(`there is no node ${name}`);
    return node;
  }

  #others(sender: NodeId): Node[] {
    return [...this.#nodes]
      .filter(([name, { closed }]) => name !== sender && !closed)
      .map(([, node]) => node);
  }

  #bury(to: NodeId, message: ClusterMessage, reason: unknown): void {
    const text = reason instanceof Error ? reason.message : String(reason);
    this.#deadLetters.push({ ...message, to, reason: text, at: new Date() });
    if (this.#deadLetters.length > this.#options.deadLetters) this.#deadLetters.shift();
  }
}
