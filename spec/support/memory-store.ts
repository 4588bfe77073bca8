import type { KeyValueStore } from "../../src/plugin/api.js";
import type { Account } from "../../src/storage/types.js";

/** What a plugin gets as `ctx.store`: values as JSON that all who have it share, as nodes share their database. */
export function memoryStore<T>(): KeyValueStore<T> {
  const kept = new Map<string, string>();
  const placeOf = (account: Account | undefined, key: string) => `${account?.id ?? 0} ${key}`;
  const set = (place: string, value: T | undefined) => {
    if (value === undefined) kept.delete(place);
    else kept.set(place, JSON.stringify(value));
  };
  return {
    get: async (account, key) => {
      const text = kept.get(placeOf(account, key));
      return text === undefined ? undefined : JSON.parse(text);
    },
    set: async (account, key, value) => set(placeOf(account, key), value),
    setAll: async (account, values) => {
      for (const [key, value] of values) set(placeOf(account, key), value);
    },
    replace: async (account, key, before, value) => {
      const place = placeOf(account, key);
      if (kept.get(place) !== JSON.stringify(before)) return false;
      set(place, value);
      return true;
    },
    keys: async (account, limit) => {
      const prefix = placeOf(account, "");
      const own = [...kept.keys()].filter((place) => place.startsWith(prefix));
      return own
        .map((place) => place.slice(prefix.length))
        .sort()
        .slice(0, limit);
    },
  };
}
