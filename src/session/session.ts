/** A bound resource, and what other nodes know of it. */
import type { Logger } from "../log.js";
import type { Account } from "../storage/types.js";
import type { StreamError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";

/** What every node knows of a session: a row of the directory. */
export interface Resource {
  /** Full JID. */
  readonly jid: Jid;
  /** The node that has the session. */
  readonly node: string;
  /** The last available presence it broadcast; undefined while unavailable. `from` is stamped, no `to`. */
  readonly presence: Stanza | undefined;
  /** Of that presence, -128 to 127. RFC 6121 §4.7.2.3 */
  readonly priority: number;
  /** It asked for the roster, so it gets roster pushes. RFC 6121 §2.2 */
  readonly interested: boolean;
  /** What plugins have noted about the session for all nodes to know, such as `carbons`: see `Sessions.flag`. */
  readonly flags: ReadonlySet<string>;
  /** When it was bound, ms since 1970: of two that claim the same address, the later one has it. RFC 6120 §7.7.2.2 */
  readonly boundAt: number;
  /** The session itself where it is on this node. */
  readonly session: Session | undefined;
}

/** RFC 6121 §8.5.2.1.1: available with a priority that is not negative. */
export function isReceptive(resource: Resource): boolean {
  return resource.presence !== undefined && resource.priority >= 0;
}

/** Told once what became of a stanza handed to a session. */
export interface Receipt {
  /** Its bytes went to the network, or the peer acknowledged it. */
  delivered(): void;
  /** The session ended before. */
  failed(): void;
  /** A hook could not judge it, and would not the next moment either. Left out: the same as `failed`. */
  refused?(): void;
  /**
   * The session's node cannot take it now: it is to wait in the store, and that node to be told when it does
   * (`Nodes.stored`). Left out: the same as `failed`.
   */
  later?(node: string): void;
  /**
   * The way to the session's node is blocked, and it is not known whether it has got it. What becomes of it is told later.
   * Meanwhile whoever is given what waits in the store must find it there, in its place before those that come after it.
   */
  doubtful?(): void;
  /** The message in the store that this is about; left out when there is none. */
  readonly kept?: { readonly account: Account; readonly id: number };
}

/**
 * Stands between the hooks and the bytes of a session, and may keep stanzas back for a while: XEP-0352. What it keeps is
 * its own to hand to `Session.write` later, in order.
 */
export interface Valve {
  /**
   * A stanza is about to go out. If others have to go before it, hand them to `Session.write` first.
   * @returns true when it is kept back, with its receipt.
   */
  keeps(stanza: Stanza, receipt: Receipt | undefined): boolean;
  /** It is taken out, or the session is over: all that it kept, in order. */
  empty(): { stanza: Stanza; receipt: Receipt | undefined }[];
}

/** Plugins' flags of a session that has none. */
export const NO_FLAGS: ReadonlySet<string> = new Set();

export interface Session {
  readonly jid: Jid;
  /** The account; for an anonymous session one that is not stored (id 0). */
  readonly account: Account;
  readonly anonymous: boolean;
  /** Its row of the directory, replaced whenever something in it changes. */
  readonly resource: Resource;
  /** TLS protects its stream. */
  readonly secure: boolean;
  /** It came over HTTP without TLS from this machine, such as from a page that was fetched so. */
  readonly plainLocal: boolean;
  readonly log: Logger;
  /** When it was bound, or came to this node; ms since 1970. */
  readonly boundAt: number;
  /** Hands a stanza over, in order; never throws. What cannot be delivered any more fails its receipt. */
  send(stanza: Stanza, receipt?: Receipt): void;
  /** Its client has closed the stream, and reads all that was sent before that. */
  readonly leavesInOrder: boolean;
  /** Its client acknowledges stanzas: XEP-0198. */
  readonly acknowledges: boolean;
  /** It has as much under way without acknowledgement as it may: what can wait in the store should. */
  readonly saturated: boolean;
  /** Undefined while there is room; otherwise resolves when there is, or when the session is over. */
  room(): Promise<void> | undefined;
  /** It came from another node: what others sent there after it may still be on its way, until that was waited for once. */
  arrived: boolean;
  /** Its connection is lost, and it waits for the client to come back: XEP-0198 §5. */
  readonly detached: boolean;
  /** Set while the client wants to be left in peace. A resumed session has none: XEP-0352 §5.2. */
  readonly valve: Valve | undefined;
  /** Sets or takes out the valve; what the one before kept goes out first. */
  setValve(valve: Valve | undefined): void;
  /** For the session's valve: writes what it kept back, past all hooks. */
  write(stanza: Stanza, receipt?: Receipt): void;
  /** Ends the session and its stream. */
  close(error?: StreamError): void;
  /** Resolves when it is over and everybody was told, or goes on on another node. */
  readonly ended: Promise<void>;
}

/** The table of all sessions on all nodes. */
export interface Sessions {
  /** All resources bound by an account, on whichever node; the array is not to be kept. */
  of(bare: Jid): readonly Resource[];
  get(full: Jid): Resource | undefined;
  /** Sessions of this node, of all its domains; looks at those of other nodes, too. */
  local(): Iterable<Session>;
  /** Changes what is known of a session of this node; other nodes are told. */
  update(session: Session, change: Partial<Pick<Resource, "presence" | "priority" | "interested">>): void;
  /**
   * Notes something about a session of this node in its row, where all nodes see it.
   * @param flag begins with the plugin's name
   */
  flag(session: Session, flag: string, on: boolean): void;
  /** Hands a stanza to a resource wherever it is. */
  send(resource: Resource, stanza: Stanza, receipt?: Receipt): void;
  /** Ends the session of a resource and its stream, wherever it is. Resolves when everybody was told. */
  close(resource: Resource, error: StreamError): Promise<void>;
}
