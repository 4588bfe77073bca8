/** Keys made from passwords, and keys made up for users who do not exist. RFC 5802 §3 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import type { Jid } from "../xmpp/jid.js";
import { PasswordError, preparePassword } from "./password.js";
import {
  type AuthContext,
  type Credentials,
  type IterationCount,
  type ScramHash,
  type ScramKeys,
  scramHashes,
} from "./types.js";

/** Also of made-up salts, which must look like real ones. RFC 5802 leaves the length open; 16 is NIST's minimum. */
const SALT_BYTES = 16;
const digests = {
  "sha-1": { name: "sha1", bytes: 20 },
  "sha-256": { name: "sha256", bytes: 32 },
  "sha-512": { name: "sha512", bytes: 64 },
} as const satisfies Record<ScramHash, { name: string; bytes: number }>;

const derive = promisify(pbkdf2);

export function hash(type: ScramHash, data: Buffer): Buffer {
  return createHash(digests[type].name).update(data).digest();
}

export function hmac(type: ScramHash, key: Buffer, data: string): Buffer {
  return createHmac(digests[type].name, key).update(data).digest();
}

/**
 * The keys of one hash. The work is done in the thread pool.
 * @throws PasswordError
 */
export async function deriveKeys(
  password: string,
  type: ScramHash,
  salt: Buffer,
  iterations: number,
): Promise<ScramKeys> {
  const { name, bytes } = digests[type];
  const salted = await derive(preparePassword(password), salt, iterations, bytes, name);
  const storedKey = hash(type, hmac(type, salted, "Client Key"));
  return { iterations, salt, storedKey, serverKey: hmac(type, salted, "Server Key") };
}

/**
 * What to store for an account: keys for each hash, each with a fresh salt.
 * @param iterations cost of one guess; RFC 7677 §4 asks for 4096 at least.
 * @throws PasswordError for a text that cannot be a password.
 */
export async function deriveCredentials(
  password: string,
  iterations: number,
  hashes: readonly ScramHash[] = scramHashes,
): Promise<Credentials> {
  const credentials: Credentials = {};
  // One after the other: the thread pool is small, and the rest of the server wants some of it.
  for (const type of hashes)
    credentials[type] = await deriveKeys(password, type, randomBytes(SALT_BYTES), iterations);
  return credentials;
}

/** Whether `password` is the one that `credentials` were made from. Takes as long for yes as for no. */
export async function verifyPassword(password: string, credentials: Credentials): Promise<boolean> {
  const type = scramHashes.find((hash) => credentials[hash]);
  const keys = type && credentials[type];
  if (!keys) return false;
  try {
    const { storedKey } = await deriveKeys(password, type, keys.salt, keys.iterations);
    return timingSafeEqual(storedKey, keys.storedKey);
  } catch (error) {
    if (error instanceof PasswordError) return false;
    throw error;
  }
}

/** Whether keys are to be made anew once the password is known: they cost another number of iterations, or one is missing. */
export function isOutdated(credentials: Credentials, iterations: number): boolean {
  return scramHashes.some((hash) => credentials[hash]?.iterations !== iterations);
}

/**
 * Credentials for a user who does not exist: the same each time they are asked for, on every node, and no password fits.
 * @param account prepared.
 */
export async function fakeCredentials(
  context: Pick<AuthContext, "secret" | "iterations" | "iterationCounts">,
  account: Jid,
): Promise<Required<Credentials>> {
  const made = (what: string) => hmac("sha-512", context.secret, `${what}\0${account.bareText}`);
  const iterations = pick(await context.iterationCounts(), made("iterations")) ?? context.iterations;
  const keys = (type: ScramHash): ScramKeys => ({
    iterations,
    salt: made(`salt\0${type}`).subarray(0, SALT_BYTES),
    storedKey: made(`stored key\0${type}`).subarray(0, digests[type].bytes),
    serverKey: made(`server key\0${type}`).subarray(0, digests[type].bytes),
  });
  return { "sha-1": keys("sha-1"), "sha-256": keys("sha-256"), "sha-512": keys("sha-512") };
}

/** As probable as it is among the accounts, and hardly ever another one when their numbers shift a little. */
function pick(counts: readonly IterationCount[], random: Buffer): number | undefined {
  const all = counts.reduce((sum, { accounts }) => sum + accounts, 0);
  let place = (random.readUIntBE(0, 6) / 2 ** 48) * all;
  return counts.find(({ accounts }) => {
    place -= accounts;
    return place < 0;
  })?.iterations;
}
