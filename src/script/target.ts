import type { Jid } from "../xmpp/jid.js";
import type { Framing } from "./framing.js";
import type { Received } from "./mailbox.js";

/** The server a script is played against: in this process or another, one node or several. */
export interface ScriptTarget {
  readonly domain: string;
  /** Makes the account if it is not there yet. */
  createAccount(jid: Jid, password: string): Promise<void>;
  /**
   * Opens a transport for a client, e.g. TCP to one of the nodes.
   * @param client its name, its place among the script's clients (from 0), and the `transport:` it asked for.
   */
  open(client: { name: string; index: number; transport?: string }): Promise<ScriptTransport>;
  /** Resolves when what was said so far has taken effect on all nodes. Left out: there is one node. */
  settled?(): Promise<void>;
}

export interface ScriptTransport {
  /** How streams and stanzas are written on it; undefined: as RFC 6120 has it for TCP. */
  framing?(receive: (received: Received) => void): Framing;
  write(text: string): void;
  onData(fn: (bytes: Buffer) => void): void;
  onClose(fn: () => void): void;
  /** Closes in order: what was written is still sent. */
  end(): void;
  /** Closes at once, as a lost connection would. */
  destroy(): void;
  startTls?(): Promise<void>;
}
