import type { Account, KeyValueRepository } from "../types.js";
import type { Database } from "./database.js";
import { asText } from "./dialect.js";
import { hashOf } from "./hash.js";

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
    if (Buffer.byteLength(store) > STORE_MAX) throw new RangeError("the name of the store is too long");
    const place = keyOf(account, store, key);
    if (value === undefined) {
      await this.#table().where(place).delete();
      return;
    }
    await this.#table()
      .insert({
        ...place,
        account_id: account?.id ?? null,
        key_text: key,
        value_text: JSON.stringify(value),
      })
      .onConflict(Object.keys(place))
      .merge(["value_text"]);
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
    return this.db.knex("key_values");
  }
}

function ownerOf(account: Account | undefined): number {
  return account?.id ?? 0;
}

function keyOf(account: Account | undefined, store: string, key: string) {
  return { owner: ownerOf(account), store, key_hash: hashOf(key) };
}
