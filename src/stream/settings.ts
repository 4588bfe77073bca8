import type { Credentials, IterationCount } from "../auth/types.js";
import type { Resumption } from "../cluster/resumption.js";
import type { Domain } from "../router/domain.js";
import type { Inbound } from "../router/inbound.js";
import type { Binder } from "../session/binder.js";
import type { ManagedOptions } from "../session/managed.js";
import type { Account } from "../storage/types.js";
import type { ParserLimits } from "../xml/parser.js";
import type { Jid } from "../xmpp/jid.js";
import type { LoginLimiter } from "./login-limiter.js";

/** What the streams of one domain share. All times in ms, sizes in bytes. */
export interface StreamSettings {
  readonly domain: Domain;
  readonly tlsRequired: boolean;
  readonly plainWithoutTls: boolean;
  readonly anonymous: boolean;
  readonly mechanisms: readonly string[];
  readonly attemptsPerConnection: number;
  readonly unauthenticatedTimeout: number;
  readonly idleTimeout: number;
  readonly unauthenticatedLimits: ParserLimits;
  readonly limits: ParserLimits;
  /** For made-up salts of unknown users. */
  readonly secret: Buffer;
  /** SCRAM iteration count of new passwords. */
  readonly iterations: number;
  readonly loginLimiter: LoginLimiter;
  readonly managed: ManagedOptions;
  /** ms that a session may outlive its connection; 0 = not at all. */
  readonly resumeTimeout: number;
  /** Where clients find this node again, as host:port of a c2s listener, if that is known. */
  readonly location: string | undefined;
  readonly inbound: Inbound;
  readonly binder: Binder;
  /** Undefined on a server that is alone. */
  readonly resumption: Pick<Resumption, "fetch"> | undefined;
  credentials(jid: Jid): Promise<Credentials | undefined>;
  renewCredentials(jid: Jid, before: Credentials, after: Credentials): Promise<unknown>;
  iterationCounts(domain: string): Promise<readonly IterationCount[]>;
  account(jid: Jid): Promise<Account | undefined>;
}

/** The settings of every domain served here, and which one speaks where a client named none. */
export interface StreamHosts {
  find(domain: string): StreamSettings | undefined;
  readonly fallback: StreamSettings;
}
