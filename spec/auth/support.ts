/** The other side of the mechanisms: what the specs authenticate with. */
import assert from "node:assert/strict";
import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { deriveCredentials } from "../../src/auth/keys.js";
import type { AuthContext, Credentials, Mechanism, Outcome, SaslCondition } from "../../src/auth/types.js";

/** Low, so that specs are quick. */
export const ITERATIONS = 64;

/** A context with one account, "user", password "pencil". */
export async function contextWith(changes: Partial<AuthContext> = {}): Promise<AuthContext> {
  return contextOf({ user: await deriveCredentials("pencil", ITERATIONS) }, changes);
}

export function contextOf(
  accounts: Record<string, Credentials>,
  changes: Partial<AuthContext> = {},
): AuthContext {
  return {
    domain: "example.com",
    credentials: async (username) => accounts[username],
    bindings: new Map(),
    offeredPlus: false,
    secret: Buffer.from("a secret of the deployment"),
    iterations: ITERATIONS,
    iterationCounts: async () => [],
    renew: async () => undefined,
    externalIdentities: [],
    ...changes,
  };
}

export async function step(mechanism: Mechanism, message: string | Buffer): Promise<Outcome> {
  return mechanism.step(Buffer.from(message));
}

/** Steps and returns the challenge as text. */
export async function challenge(mechanism: Mechanism, message: string): Promise<string> {
  const outcome = await step(mechanism, message);
  assert.equal(outcome.kind, "challenge");
  return String(outcome.data);
}

/** Steps and returns what a success says. */
export async function success(mechanism: Mechanism, message: string | Buffer) {
  const outcome = await step(mechanism, message);
  assert.equal(outcome.kind, "success");
  return outcome;
}

export function fails(outcome: Promise<Outcome>, condition: SaslCondition): Promise<void> {
  return assert.rejects(outcome, { name: "SaslError", condition });
}

export interface Login {
  password: string;
  /** "sha1", "sha256" or "sha512". */
  digest: string;
  /** The client's first message without its GS2 header. */
  bare: string;
  gs2: string;
  /** Channel-binding data. */
  binding?: Buffer;
  /** What to send for the nonce; the server's otherwise. */
  nonce?: string;
  /** Attributes between nonce and proof, with a leading comma. */
  extensions?: string;
}

/** The client's final message, and the server's answer that it expects, computed by RFC 5802 §3 alone. */
export function answer(challenge: string, login: Login): { message: string; expected: string } {
  const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? [];
  assert.ok(nonce && salt && iterations, challenge);
  const { password, digest, bare, gs2, binding = Buffer.alloc(0), extensions = "" } = login;
  const length = createHash(digest).digest().length;
  const hmac = (key: Buffer, text: string) => createHmac(digest, key).update(text).digest();
  const salted = pbkdf2Sync(password, Buffer.from(salt, "base64"), Number(iterations), length, digest);
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash(digest).update(clientKey).digest();
  const c = Buffer.concat([Buffer.from(gs2), binding]).toString("base64");
  const withoutProof = `c=${c},r=${login.nonce ?? nonce}${extensions}`;
  const auth = `${bare},${challenge},${withoutProof}`;
  const signature = hmac(storedKey, auth);
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
  const serverSignature = hmac(hmac(salted, "Server Key"), auth);
  return {
    message: `${withoutProof},p=${proof.toString("base64")}`,
    expected: `v=${serverSignature.toString("base64")}`,
  };
}
