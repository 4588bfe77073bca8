import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { ClientSession } from "./client-session.js";
import { NO_FLAGS, type Receipt, type Resource, type Session, type Sessions } from "./session.js";

/** Reaches sessions of other nodes. */
export interface RemoteSessions {
  send(resource: Resource, stanza: Stanza, receipt?: Receipt): void;
}

export interface RegistryEvents {
  /** A row of this node came, changed or went (`after` undefined). */
  changed(before: Resource | undefined, after: Resource | undefined): void;
}

const NOBODY: readonly Resource[] = [];

/** All bound resources by account: this node's own, and what other nodes announced. */
export class Registry implements Sessions {
  readonly #accounts = new Map<string, readonly Resource[]>();
  readonly #listeners: RegistryEvents[] = [];
  #local = 0;

  constructor(
    readonly node: string,
    private readonly remote: RemoteSessions,
  ) {}

  /** Sessions on this node. */
  get size(): number {
    return this.#local;
  }

  listen(listener: RegistryEvents): void {
    this.#listeners.push(listener);
  }

  of(bare: Jid): readonly Resource[] {
    return this.#accounts.get(bare.bareText) ?? NOBODY;
  }

  get(full: Jid): Resource | undefined {
    const list = this.#accounts.get(full.bareText);
    if (!list) return undefined;
    for (const resource of list) if (resource.jid.resource === full.resource) return resource;
    return undefined;
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
    else this.remote.send(resource, stanza, receipt);
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
    for (const listener of this.#listeners) listener.changed(before, after);
  }
}
