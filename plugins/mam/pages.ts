import { type Account, type ArchivedMessage, type PluginContext, StanzaError } from "../../src/plugin/api.js";
import type { Filter } from "./form.js";
import type { PageRequest } from "./page-request.js";

/** Characters of messages in one answer, beyond which it ends before it is full: a client has to take it at once. */
const MAX_SIZE = 512 * 1024;
/** Messages read at a time, so that few are read in vain. */
const READ = 25;

export interface Page {
  /** In order of time. */
  messages: readonly ArchivedMessage[];
  /** Nothing more follows in the direction that was asked for. */
  complete: boolean;
}

type Needs = Pick<PluginContext, "archive" | "storage">;

/** Finds pages in archives. */
export class Pages {
  constructor(private readonly ctx: Needs) {}

  /** @throws StanzaError `item-not-found` where the request names a message that the archive does not have. */
  async find(account: Account, filter: Filter, { max, after, before }: PageRequest): Promise<Page> {
    const { archive } = this.ctx.storage;
    await this.ctx.archive.complete();
    const known = await this.#messages(account, [
      after,
      before || undefined,
      filter.afterId,
      filter.beforeId,
      ...(filter.ids ?? []),
    ]);
    const idOf = (name: string | undefined) => (name ? known.get(name) : undefined);
    const backwards = before !== undefined;
    const query = {
      from: Math.max(this.#earliest(filter), next(idOf(after)), next(idOf(filter.afterId))),
      to: Math.min(this.#latest(filter), previous(idOf(before)), previous(idOf(filter.beforeId))),
      with: filter.with,
      ids: filter.ids?.map((name) => known.get(name) as number),
      backwards,
    };
    // One more than is wanted tells whether there are more.
    const found = await archive.find(account, query, max + 1);
    const ids = backwards ? found.slice(-max || found.length) : found.slice(0, max);
    const messages = await this.#read(ids, backwards);
    return { messages, complete: found.length <= max && messages.length === found.length };
  }

  /** What the names stand for. */
  async #messages(
    account: Account,
    names: readonly (string | undefined)[],
  ): Promise<ReadonlyMap<string, number>> {
    const given = [...new Set(names.filter((name) => name !== undefined))];
    const ids = given.map((name) => this.ctx.archive.idOf(account, name));
    const valid = ids.filter((id) => id !== undefined);
    const there = await this.ctx.storage.archive.has(account, valid);
    // XEP-0313 §4.1.3, §4.3.2
    if (ids.some((id) => id === undefined || !there.has(id))) throw new StanzaError("item-not-found");
    return new Map(given.map((name, index) => [name, ids[index] as number]));
  }

  /** From the side where the page begins, as many as fit. */
  async #read(ids: readonly number[], backwards: boolean): Promise<ArchivedMessage[]> {
    const wanted = backwards ? ids.toReversed() : ids;
    const read: ArchivedMessage[] = [];
    let size = 0;
    for (let at = 0; at < wanted.length && size < MAX_SIZE; at += READ) {
      const texts = await this.ctx.storage.archive.read(wanted.slice(at, at + READ));
      for (const message of backwards ? texts.reverse() : texts) {
        size += message.stanza.length;
        if (read.length > 0 && size > MAX_SIZE) break;
        read.push(message);
      }
    }
    return backwards ? read.reverse() : read;
  }

  #earliest({ start }: Filter): number {
    return start === undefined ? 0 : this.ctx.archive.firstIdAt(start);
  }

  #latest({ end }: Filter): number {
    return end === undefined ? Number.MAX_SAFE_INTEGER : this.ctx.archive.firstIdAt(end + 1) - 1;
  }
}

function next(id: number | undefined): number {
  return id === undefined ? 0 : id + 1;
}

function previous(id: number | undefined): number {
  return id === undefined ? Number.MAX_SAFE_INTEGER : id - 1;
}
