import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { encode, oid, sequence, TAG, time } from "../../src/transport/der.js";

const ECDSA_WITH_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));

export interface Identity {
  key: string;
  cert: string;
}

/** An authority that vouches for whatever it is asked to. */
export class Authority {
  readonly #keys = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  readonly #name: Buffer;
  readonly certificate: string;

  constructor(name: string) {
    this.#name = commonName(name);
    const { publicKey } = this.#keys;
    const isAuthority = extension("2.5.29.19", sequence(encode(TAG.boolean, Buffer.from([0xff]))));
    this.certificate = this.#sign(this.#name, publicKey, [isAuthority]);
  }

  /** @param names GeneralNames of subjectAltName; none: no such extension. */
  issue(names: Buffer[] = [], until = Date.now() + 3_600_000): Identity {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
    const extensions = names.length > 0 ? [extension("2.5.29.17", sequence(...names))] : [];
    return {
      key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      cert: this.#sign(commonName("somebody"), publicKey, extensions, until),
    };
  }

  #sign(subject: Buffer, key: KeyObject, extensions: Buffer[], until = Date.now() + 3_600_000): string {
    const toBeSigned = sequence(
      encode(0xa0, encode(TAG.integer, Buffer.from([2]))),
      encode(TAG.integer, Buffer.concat([Buffer.from([0x40]), randomBytes(8)])),
      ECDSA_WITH_SHA256,
      this.#name,
      sequence(time(new Date(Date.now() - 7_200_000)), time(new Date(until))),
      subject,
      key.export({ type: "spki", format: "der" }),
      ...(extensions.length > 0 ? [encode(0xa3, sequence(...extensions))] : []),
    );
    const signature = sign("sha256", toBeSigned, this.#keys.privateKey);
    const bits = encode(TAG.bitString, Buffer.concat([Buffer.from([0]), signature]));
    const lines =
      sequence(toBeSigned, ECDSA_WITH_SHA256, bits)
        .toString("base64")
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
  }
}

function commonName(name: string): Buffer {
  const text = encode(TAG.utf8String, Buffer.from(name));
  return sequence(encode(TAG.set, sequence(oid("2.5.4.3"), text)));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), encode(TAG.octetString, value));
}
