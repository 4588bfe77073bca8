import type { Knex } from "knex";
import type { Account, MessageRepository, NewMessage, PendingMessage } from "../types.js";
import type { Database } from "./database.js";
import { asOptionalText, asText, type Value } from "./dialect.js";
import { list, sqlByCount } from "./sql-text.js";

/** Rows of one statement. Up to four values each stay below 999, the lowest limit that SQLite may be built with. */
export const CHUNK_ROWS = 200;
/** The same with five values each; a full group of the message log makes three. */
const MESSAGE_ROWS = 134;
/** Characters of one statement: four times as many bytes are still below MySQL's usual limit of 16 MiB. */
const CHUNK_TEXT = 2 * 1024 ** 2;

type Mark = Readonly<{ account: Account; id: number }>;

export class KnexMessages implements MessageRepository {
  readonly #sql: ReturnType<typeof statements>;

  constructor(private readonly db: Database) {
    this.#sql = statements(db);
  }

  async append(messages: readonly NewMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const rows = messages.map(readMessage);
    await this.db.transaction(async (trx) => {
      const accounts = await existingAccounts(this.db, trx, new Set(rows.map((row) => row.accountId)));
      // An account may have been removed meanwhile; its messages go nowhere. One that is removed between here and the
      // commit breaks a foreign key, so that the transaction runs again.
      for (const chunk of chunksOf(rows.filter((row) => accounts.has(row.accountId)))) {
        const columns = "id, stanza, received_at, sender_id, recipient_id";
        await this.db.add(trx, `messages (${columns})`, "id", chunk.map(messageValues));
        const marks = chunk.filter((row) => !row.delivered).map(markValues);
        if (marks.length > 0)
          await this.db.add(trx, "pending (account_id, message_id, holder)", "message_id", marks);
      }
    });
  }

  async lastId(): Promise<number> {
    const [row] = await this.db.select(
      "select (select max(id) from messages) as message, (select max(message_id) from archive_marks) as mark",
      [],
    );
    return Math.max(Number(row.message ?? 0), Number(row.mark ?? 0));
  }

  async settle(done: readonly Mark[]): Promise<void> {
    if (done.length === 0) return;
    const ids = [...new Set(done.map(({ id }) => id))];
    await this.db.transaction(async (trx) => {
      // Two nodes that take the last two marks of one message must not each see the other's still there.
      await lockMessages(this.db, trx, ids);
      await this.#eachMark(trx, done, this.#sql.removeMarks);
      await removeUnmarked(trx, ids);
    });
  }

  async release(messages: readonly Mark[]): Promise<void> {
    if (messages.length === 0) return;
    await this.db.transaction((trx) => this.#eachMark(trx, messages, this.#sql.releaseMarks));
  }

  async pending(
    account: Account,
    after: number,
    limit: number,
    alive: readonly string[],
  ): Promise<PendingMessage[]> {
    const rows = await this.db.select(
      `select id, stanza, received_at, holder, recipient_id from pending join messages on id = message_id
       where account_id = ? and message_id > ? and ${freeOf(alive)} order by message_id limit ?`,
      [account.id, after, ...alive, limit],
    );
    return rows.map((row) => ({
      id: Number(row.id),
      account,
      stanza: asText(row.stanza),
      receivedAt: Number(row.received_at),
      holder: asOptionalText(row.holder),
      ...(row.recipient_id !== null && Number(row.recipient_id) === account.id && { archived: true }),
    }));
  }

  async count(account: Account, limit: number): Promise<number> {
    const [row] = await this.db.select(
      "select count(*) as marks from (select 1 from pending where account_id = ? limit ?) as marked",
      [account.id, limit],
    );
    return Number(row.marks);
  }

  async claim(
    account: Account,
    ids: readonly number[],
    node: string,
    alive: readonly string[],
  ): Promise<ReadonlySet<number>> {
    const claimed = new Set<number>();
    for (const chunk of slices(ids)) {
      const theirs = "account_id = ? and message_id in";
      await this.db.transaction(async (trx) => {
        await trx.raw(
          `update pending set holder = ? where ${theirs} ${list(chunk.length)} and ${freeOf(alive)}`,
          [node, account.id, ...chunk, ...alive],
        );
        const mine = await this.db.select(
          `select message_id from pending where ${theirs} ${list(chunk.length)} and holder = ?`,
          [account.id, ...chunk, node],
          trx,
        );
        for (const row of mine) claimed.add(Number(row.message_id));
      });
    }
    return claimed;
  }

  async releaseAll(alive: readonly string[]): Promise<boolean> {
    const theirs = `holder is not null and ${freeOf(alive)}`;
    const found = await this.db.select(`select 1 from pending where ${theirs} limit 1`, alive);
    if (found.length === 0) return false;
    await this.db.transaction((trx) =>
      trx.raw(`update pending set holder = null where ${theirs}`, [...alive]),
    );
    return true;
  }

  async waiting(accountIds: readonly number[]): Promise<number[]> {
    if (accountIds.length === 0) return [];
    const rows = await this.db.select(
      `select distinct account_id from pending where account_id in ${list(accountIds.length)} and holder is null`,
      accountIds,
    );
    return rows.map((row) => Number(row.account_id));
  }

  async #eachMark(trx: Knex, marks: readonly Mark[], sql: (count: number) => string): Promise<void> {
    for (const chunk of slices(marks)) {
      const ids = chunk.map(({ id }) => id);
      await trx.raw(sql(chunk.length), [...ids, ...chunk.flatMap(({ account, id }) => [account.id, id])]);
    }
  }
}

/** Held by nobody who is there. */
function freeOf(alive: readonly string[]): string {
  return alive.length === 0 ? "1 = 1" : `(holder is null or holder not in ${list(alive.length)})`;
}

const existingSql = sqlByCount((count) => `select id from accounts where id in ${list(count)}`);

/** Those of the accounts that exist. */
export async function existingAccounts(
  db: Database,
  trx: Knex,
  ids: ReadonlySet<number>,
): Promise<Set<number>> {
  const existing = new Set<number>();
  for (const chunk of slices([...ids])) {
    for (const row of await db.select(existingSql(chunk.length), chunk, trx)) existing.add(Number(row.id));
  }
  return existing;
}

/** Keeps others from adding or taking marks of these messages until the transaction ends. */
export async function lockMessages(db: Database, trx: Knex, ids: readonly number[]): Promise<void> {
  const { remove } = db.dialect.lock;
  if (remove === "") return;
  // All in the same order, so that two who lock the same ones do not wait for each other.
  const sorted = [...ids].sort((a, b) => a - b);
  for (const chunk of slices(sorted)) {
    await trx.raw(`select id from messages where id in ${list(chunk.length)} order by id ${remove}`, chunk);
  }
}

const unmarkedSql = sqlByCount(
  (count) => `delete from messages where id in ${list(count)}
    and sender_id is null and recipient_id is null
    and not exists (select 1 from pending where message_id = messages.id)`,
);

/** Removes those of the messages that nobody waits for any more and no archive has. */
export async function removeUnmarked(trx: Knex, ids: readonly number[]): Promise<void> {
  for (const chunk of slices(ids)) await trx.raw(unmarkedSql(chunk.length), chunk);
}

/** The statements that take many rows at once. */
function statements({ dialect }: Database) {
  // The first condition is the one that has an index on every database; the second says exactly which.
  const theseMarks = (count: number) =>
    `message_id in ${list(count)} and (account_id, message_id) in ${dialect.pairs(count)}`;
  return {
    removeMarks: sqlByCount((count) => `delete from pending where ${theseMarks(count)}`),
    releaseMarks: sqlByCount((count) => `update pending set holder = null where ${theseMarks(count)}`),
  };
}

/** A message as it is written; its text may have to be made, so that is done once. */
interface MessageRow {
  readonly id: number;
  readonly accountId: number;
  readonly stanza: string;
  readonly receivedAt: number;
  readonly holder: string | null;
  readonly delivered: boolean;
  readonly senderId: number | null;
  readonly recipientId: number | null;
}

function readMessage(message: NewMessage): MessageRow {
  const { id, account, stanza, receivedAt, holder, delivered, archives } = message;
  return {
    id,
    accountId: account.id,
    stanza,
    receivedAt,
    holder: holder ?? null,
    delivered: delivered ?? false,
    senderId: archives?.sender?.id ?? null,
    recipientId: archives?.recipient?.id ?? null,
  };
}

function messageValues({ id, stanza, receivedAt, senderId, recipientId }: MessageRow): Value[] {
  return [id, stanza, receivedAt, senderId, recipientId];
}

function markValues({ accountId, id, holder }: MessageRow): Value[] {
  return [accountId, id, holder];
}

export function* slices<T>(values: readonly T[]): Generator<T[]> {
  for (let start = 0; start < values.length; start += CHUNK_ROWS)
    yield values.slice(start, start + CHUNK_ROWS);
}

/** As slices, but also no more text in one than a database takes. */
function* chunksOf(rows: readonly MessageRow[]): Generator<MessageRow[]> {
  let chunk: MessageRow[] = [];
  let text = 0;
  for (const row of rows) {
    if (chunk.length === MESSAGE_ROWS || (chunk.length > 0 && text + row.stanza.length > CHUNK_TEXT)) {
      yield chunk;
      chunk = [];
      text = 0;
    }
    chunk.push(row);
    text += row.stanza.length;
  }
  if (chunk.length > 0) yield chunk;
}
