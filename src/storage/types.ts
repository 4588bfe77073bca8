/** What Sluice keeps, as small repositories. `storage/knex` implements them; `spec/storage/storage.suite.ts` is their contract. */
import type { Credentials, IterationCount } from "../auth/types.js";
import type { Jid } from "../xmpp/jid.js";

export interface Account {
  /** Row id, an integer. */
  readonly id: number;
  /** Bare JID. */
  readonly jid: Jid;
}

export interface AccountRepository {
  find(jid: Jid): Promise<Account | undefined>;
  credentials(jid: Jid): Promise<Credentials | undefined>;
  /** Undefined when the account exists already. */
  create(jid: Jid, credentials: Credentials): Promise<Account | undefined>;
  /** How many accounts of a domain have keys of so many iterations, by the strongest hash they have, fewest iterations first. */
  iterationCounts(domain: string): Promise<IterationCount[]>;
  /** Changes nothing, and says false, unless the account's credentials are those given as `before`. */
  replaceCredentials(jid: Jid, before: Credentials, after: Credentials): Promise<boolean>;
  /** False when there is no such account. */
  setCredentials(jid: Jid, credentials: Credentials): Promise<boolean>;
  /** Removes the account and everything kept for it. False when there is no such account. */
  remove(jid: Jid): Promise<boolean>;
  /** Bare JIDs of a domain in order of their localparts, `limit` at most, after localpart `after`. */
  list(domain: string, after: string, limit: number): Promise<Jid[]>;
}

export type Subscription = "none" | "to" | "from" | "both";

/** One contact as one account sees it. RFC 6121 §2.1, §3 and appendix A. */
export interface RosterEntry {
  /** Normally a bare JID, RFC 6121 §2.1.2.3. */
  readonly jid: Jid;
  readonly name: string;
  readonly groups: readonly string[];
  readonly subscription: Subscription;
  /** "Pending out": the account asked to subscribe and waits. */
  readonly ask: boolean;
  /** Pre-approval, RFC 6121 §3.4. */
  readonly approved: boolean;
  /** "Pending in": the contact's subscription request as XML text, kept until answered. */
  readonly request: string | undefined;
  /** False for a contact that only asked to subscribe and is not in the roster. */
  readonly listed: boolean;
}

export interface RosterChange {
  before: RosterEntry | undefined;
  after: RosterEntry | undefined;
  /** Roster version after the change; unchanged when before and after are the same. RFC 6121 §2.6 */
  version: string;
}

export interface RosterRepository {
  /** All entries, also unlisted ones, with the roster's version. */
  list(account: Account): Promise<{ version: string; entries: RosterEntry[] }>;
  /** Those entries between whom and the account there is, or was asked for, a subscription either way. */
  related(account: Account): Promise<RosterEntry[]>;
  get(account: Account, contact: Jid): Promise<RosterEntry | undefined>;
  /**
   * Reads, changes and writes one entry in one transaction, excluding other changes of it. `change` gets the entry as it
   * stands and the number of listed entries of the account, and returns what is to stand; the same object means no
   * change, undefined removes it. The roster's version moves with each change that touches a listed entry.
   * What `change` throws is passed on and nothing is written.
   * `change` may run again from the start, when another transaction got in the way of this one; so it only decides.
   */
  update(
    account: Account,
    contact: Jid,
    change: (before: RosterEntry | undefined, listed: number) => RosterEntry | undefined,
  ): Promise<RosterChange>;
}

/** A message on its way to an account: the row, and the mark that it is still pending there. */
export interface PendingMessage {
  /** Time-ordered, from `storage/message-id.ts`; a safe integer. */
  readonly id: number;
  readonly account: Account;
  /** The stanza as XML text that stands alone, addresses included. */
  readonly stanza: string;
  /** When the server took it, ms since 1970. */
  readonly receivedAt: number;
  /** The node whose session is being given the message; undefined: nobody has it, the next login gets it. */
  readonly holder: string | undefined;
  /** It is in the archive of `account`, or will be. Left out: it is not. */
  readonly archived?: true;
}

/** The accounts whose archives a message belongs to; at least one. */
export interface Archives {
  readonly sender: Account | undefined;
  /** Of a message to oneself this alone is set: an archive has each message once. */
  readonly recipient: Account | undefined;
  readonly from: Jid;
  readonly to: Jid;
}

/** A message as it is written. */
export interface NewMessage extends PendingMessage {
  /** Nobody waits for it: it is written for the archives alone, without a mark. */
  readonly delivered?: boolean;
  readonly archives?: Archives | undefined;
}

export interface MessageRepository {
  /** Writes all in one transaction; one that is there already (same account and id) is left as it stands. Order of ids is order of delivery. */
  append(messages: readonly NewMessage[]): Promise<void>;
  /** The highest id that a message or an archive's mark has; 0 when there is none. */
  lastId(): Promise<number>;
  /** Takes the marks away, and each message that nobody else needs and no archive has, in one transaction. */
  settle(done: readonly { account: Account; id: number }[]): Promise<void>;
  /** Gives messages back: held by nobody. */
  release(messages: readonly { account: Account; id: number }[]): Promise<void>;
  /**
   * An account's pending messages with ids above `after`, lowest first, `limit` at most, without those whose holder is
   * one of `alive`.
   */
  pending(
    account: Account,
    after: number,
    limit: number,
    alive: readonly string[],
  ): Promise<PendingMessage[]>;
  /** How many an account has pending, counted up to `limit`. */
  count(account: Account, limit: number): Promise<number>;
  /**
   * Takes an account's pending messages for one node, so that no other hands them over: those that nobody holds, or
   * whose holder is not `alive`.
   * @returns the ids that are this node's now
   */
  claim(
    account: Account,
    ids: readonly number[],
    node: string,
    alive: readonly string[],
  ): Promise<ReadonlySet<number>>;
  /** Gives back all that is held by others than these. @returns whether there was anything */
  releaseAll(alive: readonly string[]): Promise<boolean>;
  /** Those of the accounts, 200 at most, for which something waits that nobody holds. */
  waiting(accountIds: readonly number[]): Promise<number[]>;
}

/** That a message is in an account's archive, under the one it was exchanged with. */
export interface ArchiveReference {
  readonly accountId: number;
  readonly messageId: number;
  /** Bare or full. */
  readonly peer: Jid;
}

/** Which messages of an archive are asked for: all that every condition allows. */
export interface ArchiveQuery {
  /** Lowest and highest id, these included. */
  readonly from: number;
  readonly to: number;
  /** Exchanged with a bare JID (any resource of it) or a full one. */
  readonly with?: Jid | undefined;
  /** One of these; 200 at most. */
  readonly ids?: readonly number[] | undefined;
  /** The last `limit` of them, and not the first. */
  readonly backwards?: boolean | undefined;
}

export interface ArchivedMessage {
  readonly id: number;
  readonly stanza: string;
}

/** A message that archives have, with the ids of their accounts. */
export interface KeptMessage extends ArchivedMessage {
  readonly sender: number | undefined;
  readonly recipient: number | undefined;
}

/**
 * The archives of accounts (XEP-0313): references to the messages in `MessageRepository`, which follow their messages in
 * larger groups. `storage/reference-log.ts` writes them.
 */
export interface ArchiveRepository {
  /**
   * Writes references in one transaction; those that are there already stay as they stand, and those of an account that
   * has been removed are left out.
   * @param mark all messages of this slot (`MessageIds.slotOf`) up to this id have their references then
   */
  add(references: readonly ArchiveReference[], mark: { slot: number; id: number }): Promise<void>;
  /** The highest mark set for a slot; 0 when there was none. */
  mark(slot: number): Promise<number>;
  /** Messages that archives have or should have, with ids above `after`, lowest first. */
  kept(after: number, limit: number): Promise<KeptMessage[]>;
  /** Ids of an account's archive, lowest first, `limit` at most. */
  find(account: Account, query: ArchiveQuery, limit: number): Promise<number[]>;
  /** Those of the ids that are in the account's archive; 200 at most are asked for. */
  has(account: Account, ids: readonly number[]): Promise<ReadonlySet<number>>;
  /** Texts of messages that `find` gave, 200 at most, lowest id first; one that went meanwhile is left out. */
  read(ids: readonly number[]): Promise<ArchivedMessage[]>;
  /** First and last id of an account's archive. */
  ends(account: Account): Promise<{ first: number; last: number } | undefined>;
  /**
   * One step of retention: takes messages out of the archives of a domain's accounts.
   * @param after where the last step ended, 0 for the first
   * @param before messages with lower ids go
   * @param limit messages looked at
   * @returns where the next step begins; undefined when none is left
   */
  expire(domain: string, after: number, before: number, limit: number): Promise<number | undefined>;
  /**
   * One step of clearing up after accounts that have been removed.
   * @param limit messages taken out of an archive
   * @returns whether there was something to do
   */
  clear(limit: number): Promise<boolean>;
}

/** Small values by account, store and key: private XML, vCards, what plugins keep. JSON inside. */
export interface KeyValueRepository {
  get(account: Account | undefined, store: string, key: string): Promise<unknown>;
  /** Undefined removes it. */
  set(account: Account | undefined, store: string, key: string, value: unknown): Promise<void>;
  /** As `set`, all of them or none. */
  setAll(account: Account | undefined, store: string, values: ReadonlyMap<string, unknown>): Promise<void>;
  /**
   * Sets a value if `before` is what is there (undefined: nothing), as one step: of several nodes that do so at once, one
   * succeeds.
   * @returns whether it was there
   */
  replace(
    account: Account | undefined,
    store: string,
    key: string,
    before: unknown,
    value: unknown,
  ): Promise<boolean>;
  /** Keys of one store in order, `limit` at most. */
  keys(account: Account | undefined, store: string, limit: number): Promise<string[]>;
}

/** A member of the cluster. */
export interface NodeRow {
  readonly id: string;
  /** 0 to 63, unique among the members: of the ids that it gives, see `MessageIds`. */
  readonly slot: number;
  /** The node that is taking over what this one left. */
  readonly heir: string | undefined;
}

/** Who belongs to the cluster. The database decides it, since all nodes share it and each sees the same. */
export interface NodeRepository {
  /**
   * Adds a member with a slot that nobody has.
   * @returns all members, this one included
   * @throws Error when there is no slot left
   */
  join(id: string): Promise<NodeRow[]>;
  list(): Promise<NodeRow[]>;
  /**
   * Makes one of the survivors the heir of a dead member: the first who asks, or the next one where the heir is not
   * `alive` itself.
   * @returns whether it is this one
   */
  inherit(dead: string, heir: string, alive: readonly string[]): Promise<boolean>;
  /** Removes a member: it has left, or all that it left has been taken over. */
  remove(id: string): Promise<void>;
}

export interface Storage {
  readonly accounts: AccountRepository;
  readonly rosters: RosterRepository;
  readonly messages: MessageRepository;
  readonly archive: ArchiveRepository;
  readonly keyValues: KeyValueRepository;
  readonly nodes: NodeRepository;
  /** Rejects when the database cannot be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}
