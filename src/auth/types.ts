/** What SASL mechanisms take and give. RFC 4422; the XMPP profile of it is RFC 6120 §6. */

/** From strongest to weakest. */
export const scramHashes = ["sha-512", "sha-256", "sha-1"] as const;
export type ScramHash = (typeof scramHashes)[number];

/** What SCRAM keeps of a password (RFC 5802 §5.1). */
export interface ScramKeys {
  iterations: number;
  salt: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

/** What is stored for an account: never the password. */
export type Credentials = Partial<Record<ScramHash, ScramKeys>>;

/** How many accounts have keys of so many iterations. */
export interface IterationCount {
  readonly iterations: number;
  readonly accounts: number;
}

/** What a mechanism knows of the stream and the deployment it serves. */
export interface AuthContext {
  readonly domain: string;
  /**
   * Looks up an account by its localpart; undefined where there is none. May throw a SaslError, such as
   * `account-disabled` or `temporary-auth-failure`, which ends the exchange.
   */
  credentials(username: string): Promise<Credentials | undefined>;
  /** Channel-binding data by type, such as "tls-exporter" (RFC 9266); empty without TLS. */
  readonly bindings: ReadonlyMap<string, Buffer>;
  /** Whether mechanisms with channel binding were advertised on this stream. */
  readonly offeredPlus: boolean;
  /** Secret of the deployment, the same on all nodes; the salts of users who do not exist come from it. */
  readonly secret: Buffer;
  /** What `deriveCredentials` is given from now on. */
  readonly iterations: number;
  /** What it was given for the accounts of the domain, in order of the iterations: users who do not exist look like them. */
  iterationCounts(): Promise<readonly IterationCount[]>;
  /** Puts new keys of the same password in the place of old ones, unless those are not the account's any more. */
  renew(username: string, before: Credentials, after: Credentials): Promise<void>;
  /** Bare JIDs, as text, that the client's TLS certificate proves. */
  readonly externalIdentities: readonly string[];
}

export type Outcome =
  | { kind: "challenge"; data: Buffer }
  | {
      kind: "success";
      /** Localpart, prepared; for ANONYMOUS a fresh random one. */
      username: string;
      /** Bare JID, where the client sent one. */
      authzid: string | undefined;
      /** Additional data with success (RFC 6120 §6.3.10). */
      data?: Buffer;
      anonymous?: boolean;
    };

/** The server's side of one SASL exchange. Every mechanism here is client-first. */
export interface Mechanism {
  /**
   * Takes the initial response, later each response. A client that sent no initial response has been sent an empty
   * challenge by the caller (RFC 4422 §5), and its answer to that comes here first.
   * @throws SaslError; the exchange is over then.
   */
  step(message: Buffer): Promise<Outcome>;
}

/** RFC 6120 §6.5 */
export type SaslCondition =
  | "aborted"
  | "account-disabled"
  | "credentials-expired"
  | "encryption-required"
  | "incorrect-encoding"
  | "invalid-authzid"
  | "invalid-mechanism"
  | "malformed-request"
  | "mechanism-too-weak"
  | "not-authorized"
  | "temporary-auth-failure";

/** Why a client that could have bound the channel, but says that the server cannot, is refused: RFC 5802 §6. */
export const DOWNGRADE = "downgrade";

/** Ends a SASL exchange. What is said of the reason is for the log; the client is told the condition alone. */
export class SaslError extends Error {
  constructor(
    readonly condition: SaslCondition,
    reason: string = condition,
    options?: ErrorOptions,
  ) {
    super(reason, options);
    this.name = "SaslError";
  }

  /** The client tried a password or certificate, and it was wrong. Otherwise nothing could be learned from the failure. */
  get isGuess(): boolean {
    return this.condition === "not-authorized" && this.message !== DOWNGRADE;
  }
}
