import { createHmac, timingSafeEqual } from "node:crypto";
import { type PluginContext, sharedSecret } from "../../src/plugin/api.js";
import type { Place } from "./place.js";

/** Leave to upload one file once, as it was given to an account. */
export interface Slot extends Place {
  /** Bytes, exactly. */
  size: number;
  /** The media type that was announced. */
  type: string | undefined;
  /** Bare JID. */
  owner: string;
  /** ms since 1970: the upload has to begin before. */
  beginBefore: number;
  /** ms since 1970: how long the file will be there. */
  until: number;
}

type Signed = [size: number, type: string | null, owner: string, beginBefore: number, until: number];

/**
 * Slots as text that nobody can change or make up. Nothing is kept of a slot: whichever node gets the upload reads from
 * its address what was agreed.
 */
export class Signature {
  constructor(private readonly secret: Buffer) {}

  /** What goes into a slot's address besides its place. */
  sign(slot: Slot): string {
    const signed: Signed = [slot.size, slot.type ?? null, slot.owner, slot.beginBefore, slot.until];
    const said = Buffer.from(JSON.stringify(signed)).toString("base64url");
    return `${said}.${this.#mac(slot, said).toString("base64url")}`;
  }

  /** @returns undefined for what was not signed for this place. */
  read(place: Place, text: string): Slot | undefined {
    const [said, mac, ...more] = text.split(".");
    if (mac === undefined || more.length > 0) return undefined;
    const expected = this.#mac(place, said);
    const given = Buffer.from(mac, "base64url");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const [size, type, owner, beginBefore, until] = JSON.parse(
      Buffer.from(said, "base64url").toString(),
    ) as Signed;
    return { ...place, size, type: type ?? undefined, owner, beginBefore, until };
  }

  /** The name stands last: what comes before has no dots. */
  #mac({ id, name }: Place, said: string): Buffer {
    return createHmac("sha256", this.secret).update(`${id}.${said}.${name}`).digest();
  }
}

/** With a secret that all nodes share and that outlives them. */
export async function createSignature(ctx: PluginContext): Promise<Signature> {
  const secrets = ctx.store<string>("secret");
  const secret = await sharedSecret({
    read: () => secrets.get(undefined, "slots"),
    fill: (made) => secrets.replace(undefined, "slots", undefined, made),
  });
  return new Signature(secret);
}
