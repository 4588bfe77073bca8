import { LRUCache } from "lru-cache";
import { opaqueString, PrecisError, usernameCaseMapped } from "./precis.js";
import { canonicalDomain } from "./precis-domain.js";

/** RFC 7622 §3.2, §3.3, §3.4: bytes of UTF-8 in each part. */
const PART_MAX = 1023;
/** Texts kept at the most, and characters in each at the most. */
const INTERNED_MAX = 16_384;
const INTERNED_LENGTH_MAX = 256;

/** A text that is no JID. */
export class JidError extends Error {
  /** RFC 6120 §8.3.3.8 */
  readonly condition = "jid-malformed";
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "JidError";
  }
}

/** An XMPP address in canonical form (RFC 7622). Immutable; two of the same text need not be the same object. */
export class Jid {
  static readonly #interned = new LRUCache<string, Jid>({ max: INTERNED_MAX });

  /** "local@domain" or "domain". */
  readonly bareText: string;
  /** The whole address. */
  readonly text: string;
  #bare: Jid | undefined;

  /**
   * @param local "" when absent.
   * @param resource "" when absent.
   */
  private constructor(
    readonly local: string,
    readonly domain: string,
    readonly resource: string,
  ) {
    this.bareText = local === "" ? domain : `${local}@${domain}`;
    this.text = resource === "" ? this.bareText : `${this.bareText}/${resource}`;
  }

  /**
   * From text as it came over the wire. The result is remembered, so that the same text costs one look-up next time.
   * @throws JidError
   */
  static parse(text: string): Jid {
    return Jid.#interned.get(text) ?? Jid.#parseNew(text);
  }

  /** As parse, but undefined for what is no JID, and for undefined. */
  static tryParse(text: string | undefined): Jid | undefined {
    if (text === undefined) return undefined;
    try {
      return Jid.parse(text);
    } catch (error) {
      if (error instanceof JidError) return undefined;
      throw error;
    }
  }

  /**
   * From parts that are not prepared yet.
   * @param local "" for none. @param resource "" or undefined for none.
   * @throws JidError
   */
  static of(local: string, domain: string, resource = ""): Jid {
    return Jid.#intern(
      new Jid(
        local === "" ? "" : prepareLocal(local),
        prepare(domain, canonicalDomain, "domainpart"),
        resource === "" ? "" : prepare(resource, opaqueString, "resourcepart"),
      ),
    );
  }

  static #parseNew(text: string): Jid {
    // RFC 7622 §3.1: the first slash ends the bare JID, and only before it an @ ends the localpart.
    const slash = text.indexOf("/");
    const bare = slash < 0 ? text : text.slice(0, slash);
    const at = bare.indexOf("@");
    if (at === 0) throw new JidError("empty localpart");
    if (slash === text.length - 1 && slash >= 0) throw new JidError("empty resourcepart");
    const jid = Jid.of(
      bare.slice(0, Math.max(at, 0)),
      bare.slice(at + 1),
      slash < 0 ? "" : text.slice(slash + 1),
    );
    if (text !== jid.text && text.length <= INTERNED_LENGTH_MAX) Jid.#interned.set(ownCopy(text), jid);
    return jid;
  }

  /** One object for all spellings of an address, as long as it is remembered. */
  static #intern(jid: Jid): Jid {
    const known = Jid.#interned.get(jid.text);
    if (known) return known;
    if (jid.text.length <= INTERNED_LENGTH_MAX) Jid.#interned.set(jid.text, jid);
    return jid;
  }

  get isBare(): boolean {
    return this.resource === "";
  }

  /** This address without its resource. */
  get bare(): Jid {
    if (this.resource === "") return this;
    this.#bare ??= Jid.#intern(new Jid(this.local, this.domain, ""));
    return this.#bare;
  }

  /** @throws JidError for a resource that is empty or not allowed (RFC 7622 §3.4). */
  withResource(resource: string): Jid {
    return new Jid(this.local, this.domain, prepare(resource, opaqueString, "resourcepart"));
  }

  equals(other: Jid | undefined | null): boolean {
    return this === other || this.text === other?.text;
  }

  sameBare(other: Jid): boolean {
    return this === other || this.bareText === other.bareText;
  }

  toString(): string {
    return this.text;
  }
}

function prepareLocal(text: string): string {
  const local = prepare(text, usernameCaseMapped, "localpart");
  // RFC 7622 §3.3.1. Judged after width mapping, which makes @ of U+FF20.
  if (/["&'/:<>@]/.test(local)) throw new JidError("localpart with a character excluded from it");
  return local;
}

/** The length is that of the result (RFC 7622 §3.3: after the profile is applied). */
function prepare(text: string, profile: (text: string) => string, part: string): string {
  // No profile leaves fewer bytes than a third of the characters; what is longer need not be looked at.
  if (text.length > 3 * PART_MAX) throw new JidError(`${part} too long`);
  let prepared: string;
  try {
    prepared = profile(text);
  } catch (cause) {
    if (!(cause instanceof PrecisError)) throw cause;
    throw new JidError(`${part} ${cause.message}`, { cause });
  }
  if (Buffer.byteLength(prepared) > PART_MAX) throw new JidError(`${part} too long`);
  return ownCopy(prepared);
}

/**
 * V8 makes a slice of a long string refer to the whole of it. What is kept here was cut from what came over the wire, so
 * without a copy each address would hold on to a whole chunk of input. No lone surrogate gets this far.
 */
function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}
