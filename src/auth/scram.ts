import { randomBytes, timingSafeEqual } from "node:crypto";
import saslprep from "saslprep";
import type { Jid } from "../xmpp/jid.js";
import { accountOf, checkAuthzid, decodeMessage } from "./identity.js";
import { fakeCredentials, hash, hmac } from "./keys.js";
import { type ClientFirst, parseClientFinal, parseClientFirst } from "./scram-messages.js";
import {
  type AuthContext,
  DOWNGRADE,
  type Mechanism,
  type Outcome,
  SaslError,
  type ScramHash,
  type ScramKeys,
} from "./types.js";

export interface ScramVariant {
  hash: ScramHash;
  /** With channel binding. */
  plus: boolean;
}

/** What the first step leaves for the second. */
interface Challenged {
  account: Jid;
  authzid: string | undefined;
  keys: ScramKeys;
  nonce: string;
  /** client-first-message-bare "," server-first-message */
  messages: string;
  /** What the client has to send back as `c=`. */
  binding: Buffer;
}

/**
 * SCRAM: RFC 5802, with SHA-256 by RFC 7677, with SHA-512 in the same shape.
 *
 * What breaks the grammar, or the rules on which mechanism goes with which flag, is a `malformed-request`; what does not
 * match what it should (nonce, binding, proof) is `not-authorized`.
 */
export class Scram implements Mechanism {
  #state: "first" | "final" | "over" = "first";
  #challenged: Challenged | undefined;

  /** @param nonce the server's part of the nonce: printable ASCII without comma, never used twice. */
  constructor(
    private readonly context: AuthContext,
    private readonly variant: ScramVariant,
    private readonly nonce = randomBytes(18).toString("base64"),
  ) {}

  async step(message: Buffer): Promise<Outcome> {
    const state = this.#state;
    this.#state = "over";
    if (state === "over") throw new SaslError("malformed-request", "the exchange is over");
    if (state === "final" && this.#challenged) return this.#finish(decodeMessage(message), this.#challenged);
    return this.#challenge(parseClientFirst(decodeMessage(message)));
  }

  async #challenge(first: ClientFirst): Promise<Outcome> {
    const binding = Buffer.concat([Buffer.from(first.gs2), this.#bindingData(first)]);
    const account = accountOf(prepareName(first.username), this.context.domain);
    const authzid = checkAuthzid(first.authzid, account);
    const keys = await this.#keysOf(account);
    const nonce = first.nonce + this.nonce;
    const reply = `r=${nonce},s=${keys.salt.toString("base64")},i=${keys.iterations}`;
    this.#challenged = { account, authzid, keys, nonce, messages: `${first.bare},${reply}`, binding };
    this.#state = "final";
    return { kind: "challenge", data: Buffer.from(reply) };
  }

  /** RFC 5802 §6 */
  #bindingData({ flag, binding }: ClientFirst): Buffer {
    if (this.variant.plus !== (flag === "p"))
      throw new SaslError("malformed-request", "flag and mechanism do not agree on channel binding");
    // The client saw no mechanism with channel binding although there was one: somebody took it out of the list.
    if (flag === "y" && this.context.offeredPlus) throw new SaslError("not-authorized", DOWNGRADE);
    if (binding === undefined) return Buffer.alloc(0);
    const data = this.context.bindings.get(binding);
    if (!data) throw new SaslError("malformed-request", `no channel binding of type ${binding}`);
    return data;
  }

  /** The made-up keys are computed for everybody, so that the time tells nothing. */
  async #keysOf(account: Jid): Promise<ScramKeys> {
    const { hash } = this.variant;
    const fake = await fakeCredentials(this.context, account);
    return (await this.context.credentials(account.local))?.[hash] ?? fake[hash];
  }

  #finish(text: string, challenged: Challenged): Outcome {
    const final = parseClientFinal(text);
    const { account, authzid, keys, nonce, binding } = challenged;
    if (!equal(final.binding, binding)) throw new SaslError("not-authorized", "channel binding differs");
    if (!equal(Buffer.from(final.nonce), Buffer.from(nonce)))
      throw new SaslError("not-authorized", "nonce differs");
    const auth = `${challenged.messages},${final.withoutProof}`;
    if (!this.#proves(final.proof, keys, auth)) throw new SaslError("not-authorized", "proof does not fit");
    const data = Buffer.from(`v=${hmac(this.variant.hash, keys.serverKey, auth).toString("base64")}`);
    return { kind: "success", username: account.local, authzid, data };
  }

  /** RFC 5802 §3: ClientProof XOR ClientSignature is the ClientKey, whose hash is stored. */
  #proves(proof: Buffer, keys: ScramKeys, auth: string): boolean {
    const signature = hmac(this.variant.hash, keys.storedKey, auth);
    if (proof.length !== signature.length) return false;
    const clientKey = Buffer.from(proof.map((byte, at) => byte ^ (signature[at] ?? 0)));
    return equal(hash(this.variant.hash, clientKey), keys.storedKey);
  }
}

/** RFC 5802 §5.1: as a query string, so unassigned code points are let through. */
function prepareName(username: string): string {
  try {
    return saslprep(username, { allowUnassigned: true });
  } catch (cause) {
    throw new SaslError("malformed-request", "not a username", { cause });
  }
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
