import type { Account } from "../storage/types.js";
import type { StreamError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { ClientSession } from "./client-session.js";
import { NO_FLAGS, type Receipt, type Resource, type Session, type Sessions } from "./session.js";

/** The other nodes of the cluster, as those see them who deal with sessions. */
export interface Nodes {
  /** The nodes that are there, this one included. */
  readonly alive: readonly string[];
  send(resource: Resource, stanza: Stanza, receipt?: Receipt): void;
  /** Ends a session there; resolves when everybody was told, or nobody can be told any more. */
  close(resource: Resource, error: StreamError): Promise<void>;
  /**
   * Messages for this account that are kept go to that node by way of the store for the moment: it cannot be reached, or
   * others that went that way have not arrived.
   */
  detours(node: string, account: Account): boolean;
  /**
   * That node is given no more: too much waits for it. With an account: nor does more for that one go by way of the store.
   */
  refuses(node: string, account?: Account): boolean;
  /**
   * A message for the account was given to the store: once it is there, that node is told to fetch it.
   * @param asked that node wanted it so: `Receipt.later`
   */
  stored(node: string, account: Account, asked: boolean): void;
  /** Undefined while there is room in what waits for that node; otherwise resolves when there is. */
  room(node: string): Promise<void> | undefined;
  /** The message is being given to a session of this node already, on another node's behalf. */
  isUnderWay(messageId: number): boolean;
  /** A session of this node was given the message, on another node's behalf. That one may not have heard of it, and free it. */
  hasDelivered(messageId: number): boolean;
  tell(topic: string, news: unknown): void;
  /** Resolves when what the others had to write by now is in the database, or they do not say so soon. */
  flushed(): Promise<void>;
  /**
   * Resolves when what that node had sent here has arrived, and what it had to write is in the database; or it is gone. False,
   * after a moment, when it cannot be asked.
   */
  written(node: string): Promise<boolean>;
  /**
   * Resolves when what went through any other node before is safe or has been taken over: a client that comes from there
   * must not overtake itself.
   * @param account only what this account said, or was told, where it has been; nobody is asked when it was nowhere
   */
  settled(account?: Jid): Promise<void>;
  /**
   * A node has just died: messages it has taken may come to light in the store, with lower ids. Until they have, kept messages go
   * by way of the store, which keeps the order.
   */
  readonly isUnsettled: boolean;
  /** Tells all others to forget what they know of an account. */
  forget(account: Jid): void;
  /** An answer that nobody waits for here may be for another node, whose name is in its id. */
  answered(iq: Stanza): boolean;
}

/** The nodes of a server that is alone. */
export function alone(node: string): Nodes {
  const never = (): never => {
    throw new Error("there are no other nodes");
  };
  return {
    alive: [node],
    send: never,
    close: never,
    detours: never,
    refuses: never,
    stored: never,
    room: never,
    isUnderWay: () => false,
    hasDelivered: () => false,
    tell: () => undefined,
    flushed: async () => undefined,
    written: async () => true,
    settled: async () => undefined,
    isUnsettled: false,
    forget: () => undefined,
    answered: () => false,
  };
}

export interface RegistryEvents {
  /** A row of this node came, changed or went (`after` undefined). */
  changed(before: Resource | undefined, after: Resource | undefined): void;
}

const NOBODY: readonly Resource[] = [];

/** Two nodes may claim the same address for a moment: the later one has it. */
function laterOf(one: Resource | undefined, other: Resource): Resource {
  return one && one.boundAt > other.boundAt ? one : other;
}

/** All bound resources by account: this node's own, and what other nodes announced. */
export class Registry implements Sessions {
  readonly #accounts = new Map<string, readonly Resource[]>();
  readonly #listeners: RegistryEvents[] = [];
  #local = 0;

  constructor(
    readonly node: string,
    readonly nodes: Nodes = alone(node),
  ) {}

  /** Sessions on this node. */
  get size(): number {
    return this.#local;
  }

  /** @returns takes the listener away again. */
  listen(listener: RegistryEvents): () => void {
    this.#listeners.push(listener);
    return () => this.#listeners.splice(this.#listeners.indexOf(listener), 1);
  }

  of(bare: Jid): readonly Resource[] {
    return this.#accounts.get(bare.bareText) ?? NOBODY;
  }

  get(full: Jid): Resource | undefined {
    const list = this.#accounts.get(full.bareText);
    if (!list) return undefined;
    let found: Resource | undefined;
    for (const resource of list)
      if (resource.jid.resource === full.resource) found = laterOf(found, resource);
    return found;
  }

  /** As `get`, by the text of a full JID in its canonical form. */
  named(full: string): Resource | undefined {
    const list = this.#accounts.get(full.slice(0, full.indexOf("/")));
    if (!list) return undefined;
    let found: Resource | undefined;
    for (const resource of list) if (resource.jid.text === full) found = laterOf(found, resource);
    return found;
  }

  /** Sessions of this node. */
  *local(): Generator<ClientSession> {
    for (const list of this.#accounts.values()) {
      for (const { session } of list) if (session) yield session as ClientSession;
    }
  }

  add(session: ClientSession): void {
    this.#local += 1;
    this.#put(undefined, session.resource);
  }

  /** Takes the session out; its `resource` keeps the last row. */
  remove(session: ClientSession): void {
    if (!this.#holds(session)) return;
    this.#local -= 1;
    this.#put(session.resource, undefined);
  }

  update(session: Session, change: Partial<Pick<Resource, "presence" | "priority" | "interested">>): void {
    this.#change(session, change);
  }

  flag(session: Session, flag: string, on: boolean): void {
    const { flags } = session.resource;
    if (flags.has(flag) === on) return;
    const others = [...flags].filter((one) => one !== flag);
    const after = on ? [...others, flag] : others;
    this.#change(session, { flags: after.length === 0 ? NO_FLAGS : new Set(after) });
  }

  #change(session: Session, change: Partial<Resource>): void {
    const before = session.resource;
    // The presence stays as long as the session does.
    const presence = change.presence?.ownCopy();
    const after = { ...before, ...change, ...(presence && { presence }) };
    (session as ClientSession).resource = after;
    if (this.#holds(session, before)) this.#put(before, after);
  }

  send(resource: Resource, stanza: Stanza, receipt?: Receipt): void {
    if (resource.session) resource.session.send(stanza, receipt);
    else this.nodes.send(resource, stanza, receipt);
  }

  async close(resource: Resource, error: StreamError): Promise<void> {
    const session = resource.session as ClientSession | undefined;
    if (!session) return this.nodes.close(resource, error);
    session.close(error);
    await session.ended;
  }

  /** A row of another node, in the place of the one that stood there for the same session. */
  announced(row: Resource): void {
    const before = this.of(row.jid).find(
      (one) => one.node === row.node && one.jid.resource === row.jid.resource,
    );
    this.#put(before, row);
  }

  /** Takes out a row of another node. @returns it, if it was there. */
  withdrawn(full: Jid, node: string): Resource | undefined {
    const row = this.of(full).find((one) => one.node === node && one.jid.resource === full.resource);
    if (row) this.#put(row, undefined);
    return row;
  }

  /** A session of this node goes on on another one. */
  handOver(session: ClientSession, node: string, boundAt: number): void {
    if (!this.#holds(session)) return;
    this.#local -= 1;
    this.#put(session.resource, { ...session.resource, node, boundAt, session: undefined });
  }

  /** All rows, of this node and of others. */
  *rows(): Generator<Resource> {
    for (const list of this.#accounts.values()) yield* list;
  }

  /** All rows of one node. */
  *ofNode(node: string): Generator<Resource> {
    for (const row of this.rows()) if (row.node === node) yield row;
  }

  #holds(session: Session, row = session.resource): boolean {
    return this.of(row.jid).includes(row);
  }

  #put(before: Resource | undefined, after: Resource | undefined): void {
    const key = ((after ?? before) as Resource).jid.bareText;
    const rest = (this.#accounts.get(key) ?? NOBODY).filter((row) => row !== before);
    // A new array each time: whoever iterates over the old one is not disturbed.
    if (after) this.#accounts.set(key, [...rest, after]);
    else if (rest.length > 0) this.#accounts.set(key, rest);
    else this.#accounts.delete(key);
    for (const listener of [...this.#listeners]) listener.changed(before, after);
  }
}
