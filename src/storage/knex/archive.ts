import { createHash } from "node:crypto";
import type { Knex } from "knex";
import { LRUCache } from "lru-cache";
import type { Jid } from "../../xmpp/jid.js";
import type {
  Account,
  ArchivedMessage,
  ArchiveQuery,
  ArchiveReference,
  ArchiveRepository,
  KeptMessage,
} from "../types.js";
import type { Database } from "./database.js";
import { asText, type Row } from "./dialect.js";
import { existingAccounts, lockMessages, removeUnmarked, slices } from "./messages.js";
import { list, sqlByCount } from "./sql-text.js";

/** Rows looked at in one go at most where one resource of a contact is asked for. */
const LOOK = 5000;
/** ms after which nothing can be on its way into the archive of an account that has been removed. */
const SETTLED = 60 * 60_000;

type Pair = Readonly<{ accountId: number; id: number }>;

export class KnexArchive implements ArchiveRepository {
  readonly #sql: ReturnType<typeof statements>;
  readonly #hashes = new LRUCache<string, Hashes>({ max: 5000 });

  constructor(private readonly db: Database) {
    this.#sql = statements(db);
  }

  async add(references: readonly ArchiveReference[], mark: { slot: number; id: number }): Promise<void> {
    await this.db.transaction(async (trx) => {
      const accounts = await existingAccounts(
        this.db,
        trx,
        new Set(references.map(({ accountId }) => accountId)),
      );
      const there = references.filter(({ accountId }) => accounts.has(accountId));
      // Neighbours in the table one after the other: each page is looked for and changed once.
      there.sort((a, b) => a.accountId - b.accountId || a.messageId - b.messageId);
      for (const chunk of slices(there)) {
        const into = "archive (account_id, message_id, peer, resource)";
        const rows = chunk.map((one) => this.#values(one));
        await this.db.add(trx, into, "message_id", rows);
      }
      const late = references.filter(({ accountId }) => !accounts.has(accountId));
      await this.#takeOut(
        trx,
        late.map(({ accountId, messageId }) => ({ accountId, id: messageId })),
      );
      await trx("archive_marks")
        .insert({ slot: mark.slot, message_id: mark.id })
        .onConflict("slot")
        .merge(["message_id"]);
    });
  }

  async mark(slot: number): Promise<number> {
    const row = await this.db.knex("archive_marks").where({ slot }).first("message_id");
    return Number(row?.message_id ?? 0);
  }

  async kept(after: number, limit: number): Promise<KeptMessage[]> {
    const rows = await this.db.select(
      `select id, stanza, sender_id, recipient_id from messages
       where id > ? and (sender_id is not null or recipient_id is not null) order by id limit ?`,
      [after, limit],
    );
    return rows.map((row) => ({
      ...readMessage(row),
      sender: asOptionalNumber(row.sender_id),
      recipient: asOptionalNumber(row.recipient_id),
    }));
  }

  async find(account: Account, query: ArchiveQuery, limit: number): Promise<number[]> {
    // XEP-0313 §4.1.1: of oneself as the other side, the resource may be ignored.
    const whole = query.with?.sameBare(account.jid) === false && query.with.resource !== "";
    const found = whole
      ? await this.#findResource(account, query, limit)
      : (await this.#look(account, query, limit)).map(idOf);
    return query.backwards ? found.reverse() : found;
  }

  async has(account: Account, ids: readonly number[]): Promise<ReadonlySet<number>> {
    if (ids.length === 0) return new Set();
    const rows = await this.db.select(
      `select message_id from archive where account_id = ? and message_id in ${list(ids.length)}`,
      [account.id, ...ids],
    );
    return new Set(rows.map(idOf));
  }

  async read(ids: readonly number[]): Promise<ArchivedMessage[]> {
    if (ids.length === 0) return [];
    const rows = await this.db.select(
      `select id, stanza from messages where id in ${list(ids.length)} order by id`,
      ids,
    );
    return rows.map(readMessage);
  }

  async ends(account: Account): Promise<{ first: number; last: number } | undefined> {
    const all = { from: 0, to: Number.MAX_SAFE_INTEGER };
    const [first] = await this.find(account, all, 1);
    const [last] = await this.find(account, { ...all, backwards: true }, 1);
    return first === undefined || last === undefined ? undefined : { first, last };
  }

  async expire(domain: string, after: number, before: number, limit: number): Promise<number | undefined> {
    const rows = await this.db.select(
      `select messages.id, sender_id, recipient_id, sender.domain as sender, recipient.domain as recipient
       from messages left join accounts sender on sender.id = sender_id
         left join accounts recipient on recipient.id = recipient_id
       where messages.id > ? and messages.id < ? order by messages.id limit ?`,
      [after, before, limit],
    );
    // Nobody else would take out what has no account any more.
    const isOver = (name: unknown) => name === null || asText(name) === domain;
    const over = rows.flatMap((row) => [
      ...(row.sender_id !== null && isOver(row.sender) ? [pair(row.sender_id, row.id)] : []),
      ...(row.recipient_id !== null && isOver(row.recipient) ? [pair(row.recipient_id, row.id)] : []),
    ]);
    if (over.length > 0) await this.db.transaction((trx) => this.#takeOut(trx, over));
    return rows.length < limit ? undefined : Number(rows[rows.length - 1].id);
  }

  async clear(limit: number): Promise<boolean> {
    const [removed] = await this.db.select(
      `select account_id from archive_removals
       where exists (select 1 from archive where archive.account_id = archive_removals.account_id) limit 1`,
      [],
    );
    if (!removed) {
      // Until then references to the account's last messages may still come.
      await this.db
        .knex("archive_removals")
        .where("removed_at", "<", Date.now() - SETTLED)
        .delete();
      return false;
    }
    const rows = await this.db.select(
      "select message_id from archive where account_id = ? order by message_id limit ?",
      [Number(removed.account_id), limit],
    );
    const pairs = rows.map((row) => pair(removed.account_id, row.message_id));
    await this.db.transaction((trx) => this.#takeOut(trx, pairs));
    return true;
  }

  /** Takes messages out of archives, and removes those that nobody needs any more. */
  async #takeOut(trx: Knex, pairs: readonly Pair[]): Promise<void> {
    if (pairs.length === 0) return;
    const ids = [...new Set(pairs.map(({ id }) => id))];
    await lockMessages(this.db, trx, ids);
    for (const chunk of slices(pairs)) {
      const accountFirst = chunk.flatMap(({ accountId, id }) => [accountId, id]);
      await trx.raw(this.#sql.remove(chunk.length), accountFirst);
      const both = [...chunk.map(({ id }) => id), ...accountFirst];
      await trx.raw(this.#sql.leaveSender(chunk.length), both);
      await trx.raw(this.#sql.leaveRecipient(chunk.length), both);
    }
    await removeUnmarked(trx, ids);
  }

  /**
   * One resource of a contact, such as an occupant of a room. The index has contacts, so what it gives is looked through
   * a part at a time, for others to have their turn.
   */
  async #findResource(account: Account, query: ArchiveQuery, limit: number): Promise<number[]> {
    const { resource } = this.#hashesOf(query.with as Jid);
    const found: number[] = [];
    let rest = query;
    for (let look = Math.min(2 * limit, LOOK); ; look = Math.min(4 * look, LOOK)) {
      const rows = await this.#look(account, rest, look);
      found.push(...rows.filter((row) => Number(row.resource) === resource).map(idOf));
      if (rows.length < look || found.length >= limit) return found.slice(0, limit);
      const last = idOf(rows[rows.length - 1]);
      rest = query.backwards ? { ...rest, to: last - 1 } : { ...rest, from: last + 1 };
    }
  }

  /** By key from where it begins, never by counting rows: a page in the middle costs what the first one does. */
  async #look(account: Account, query: ArchiveQuery, limit: number): Promise<Row[]> {
    const { from, to, with: peer, ids, backwards } = query;
    if (limit === 0 || from > to || ids?.length === 0) return [];
    const bindings = [account.id, from, to, ...(peer ? [this.#hashesOf(peer).peer] : []), ...(ids ?? [])];
    return this.db.select(pageSql(peer !== undefined, ids?.length, backwards === true), [...bindings, limit]);
  }

  #values({ accountId, messageId, peer }: ArchiveReference): number[] {
    const hashes = this.#hashesOf(peer);
    return [accountId, messageId, hashes.peer, hashes.resource];
  }

  #hashesOf(jid: Jid): Hashes {
    const known = this.#hashes.get(jid.text);
    if (known) return known;
    const hashes = { peer: peerHash(jid.bareText), resource: resourceHash(jid.resource) };
    this.#hashes.set(jid.text, hashes);
    return hashes;
  }
}

/** What `find` asks the database; also for the benchmark, which shows its plan. Bindings: account, from, to, peer, ids, limit. */
export function pageSql(byPeer: boolean, ids: number | undefined, backwards: boolean): string {
  return `select message_id${byPeer ? ", resource" : ""} from archive
    where account_id = ? and message_id between ? and ?
      ${byPeer ? "and peer = ?" : ""} ${ids === undefined ? "" : `and message_id in ${list(ids)}`}
    order by message_id ${backwards ? "desc" : "asc"} limit ?`;
}

interface Hashes {
  readonly peer: number;
  readonly resource: number;
}

/** Of a bare JID; 48 bits: two contacts of one account that meet would only be found together. */
export function peerHash(bare: string): number {
  return digest(bare).readUIntBE(0, 6);
}

/** 32 bits, 0 for none. */
function resourceHash(resource: string): number {
  return resource === "" ? 0 : digest(resource).readUInt32BE(0);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function statements({ dialect }: Database) {
  const leave = (column: "sender_id" | "recipient_id") =>
    sqlByCount(
      (count) => `update messages set ${column} = null
        where id in ${list(count)} and (${column}, id) in ${dialect.pairs(count)}`,
    );
  return {
    remove: sqlByCount(
      (count) => `delete from archive where (account_id, message_id) in ${dialect.pairs(count)}`,
    ),
    leaveSender: leave("sender_id"),
    leaveRecipient: leave("recipient_id"),
  };
}

function pair(accountId: unknown, id: unknown): Pair {
  return { accountId: Number(accountId), id: Number(id) };
}

function idOf(row: Row): number {
  return Number(row.message_id);
}

function readMessage(row: Row): ArchivedMessage {
  return { id: Number(row.id), stanza: asText(row.stanza) };
}

function asOptionalNumber(value: unknown): number | undefined {
  return value === null ? undefined : Number(value);
}
