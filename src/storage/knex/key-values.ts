import type { Knex } from "knex";
import type { Account, KeyValueRepository } from "../types.js";
import type { Database } from "./database.js";
import { asText } from "./dialect.js";
import { isUniqueViolation } from "./errors.js";
import { hashOf } from "./hash.js";

const TABLE = "key_values";
/** Bytes in the name of a store. Keys may be of any length. */
const STORE_MAX = 255;

export class KnexKeyValues implements KeyValueRepository {
  constructor(private readonly db: Database) {}

  async get(account: Account | undefined, store: string, key: string): Promise<unknown> {
    const row = await this.#table()
      .where(keyOf(account, store, key))
      .first("value_text");
    return row === undefined ? undefined : JSON.parse(asText(row.value_text));
  }

  /** @throws RangeError when the store's name is too long */
  async set(account: Account | undefined, store: string, key: string, value: unknown): Promise<void> {
    await this.#set(this.db.knex, account, store, key, value);
  }

  /** @throws RangeError when the store's name is too long */
  async setAll(
    account: Account | undefined,
    store: string,
    values: ReadonlyMap<string, unknown>,
  ): Promise<void> {
    await this.db.transaction(async (trx) => {
      for (const [key, value] of values) await this.#set(trx, account, store, key, value);
    });
  }

  async #set(
    db: Knex,
    account: Account | undefined,
    store: string,
    key: string,
    value: unknown,
  ): Promise<void> {
    const place = keyOf(account, store, key);
    if (value === undefined) {
      await db(TABLE).where(place).delete();
      return;
    }
    await db(TABLE)
      .insert(rowOf(account, store, key, value))
      .onConflict(Object.keys(place))
      .merge(["value_text"]);
  }

  /** @throws RangeError when the store's name is too long */
  async replace(
    account: Account | undefined,
    store: string,
    key: string,
    before: unknown,
    value: unknown,
  ): Promise<boolean> {
    if (before === undefined) return this.#add(account, store, key, value);
    const changed = await this.#table()
      // What came out of JSON goes back to the same text.
      .where({ ...keyOf(account, store, key), value_text: JSON.stringify(before) })
      .update({ value_text: JSON.stringify(value) });
    return changed === 1;
  }

  /** @returns false when there is a value already. */
  async #add(account: Account | undefined, store: string, key: string, value: unknown): Promise<boolean> {
    try {
      await this.#table().insert(rowOf(account, store, key, value));
      return true;
    } catch (error) {
      if (isUniqueViolation(error)) return false;
      throw error;
    }
  }

  async keys(account: Account | undefined, store: string, limit: number): Promise<string[]> {
    const keys = await this.#table()
      .where({ owner: ownerOf(account), store })
      .orderBy("key_text")
      .limit(limit)
      .pluck("key_text");
    return keys.map(asText);
  }

  #table() {
    return this.db.knex(TABLE);
  }
}

function ownerOf(account: Account | undefined): number {
  return account?.id ?? 0;
}

function rowOf(account: Account | undefined, store: string, key: string, value: unknown) {
  if (Buffer.byteLength(store) > STORE_MAX) throw new RangeError("the name of the store is too long");
  return {
    ...keyOf(account, store, key),
    account_id: account?.id ?? null,
    key_text: key,
    value_text: JSON.stringify(value),
  };
}

function keyOf(account: Account | undefined, store: string, key: string) {
  return { owner: ownerOf(account), store, key_hash: hashOf(key) };
}
