import { type Cipher, createCipheriv, createDecipheriv, type Decipher } from "node:crypto";

/** Bytes of a block of AES, and of its key. */
const BLOCK = 16;
/** Of an account's id, and of a message's: 2^48 accounts, and every safe integer. */
const ACCOUNT_BYTES = 6;
const ID_TEXT = /^[0-9A-Za-z_-]{22}$/;

/**
 * How archives name messages: XEP-0313 §3, XEP-0359. Such a name must be unpredictable and tell nothing, and the id of a
 * message tells when it was sent and how busy the server was. So it is one block of AES over account and id: the same
 * whenever and wherever it is asked for, without a column of its own, and worth nothing in another archive.
 */
export class ArchiveIds {
  readonly #cipher: Cipher;
  readonly #decipher: Decipher;
  readonly #block = Buffer.alloc(BLOCK);

  /** @param key 16 bytes, the same on all nodes and for good. */
  constructor(key: Uint8Array) {
    this.#cipher = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false);
    this.#decipher = createDecipheriv("aes-128-ecb", key, null).setAutoPadding(false);
  }

  /** @param accountId whose archive @param id of the message */
  format(accountId: number, id: number): string {
    this.#block.writeUIntBE(accountId, 0, ACCOUNT_BYTES);
    this.#block.writeBigUInt64BE(BigInt(id), BLOCK - 8);
    return this.#cipher.update(this.#block).toString("base64url");
  }

  /** The message; undefined for what `format` did not give for this account. */
  parse(accountId: number, text: string): number | undefined {
    if (!ID_TEXT.test(text)) return undefined;
    const block = this.#decipher.update(Buffer.from(text, "base64url"));
    const id = Number(block.readBigUInt64BE(BLOCK - 8));
    return Number.isSafeInteger(id) && this.format(accountId, id) === text ? id : undefined;
  }
}
