import type { Knex } from "knex";
import type { Dialect } from "../dialect.js";

/** Archives: which account has which message, and with whom it was exchanged. */
export async function up(db: Knex, { types }: Dialect): Promise<void> {
  const { integer, tableEnd, keyedTableEnd } = types;

  // Accounts in whose archives a message is or will be. A message stays while one of them is set. They come with the
  // message and in its transaction, so that references can be derived from them: see storage/reference-log.ts.
  await db.raw(`alter table messages add column sender_id ${integer}`);
  await db.raw(`alter table messages add column recipient_id ${integer}`);

  // Nothing but integers, clustered by account and time; `peer` and `resource` are hashes of the other's bare JID and of
  // its resource. No foreign keys: each would cost a look-up for each row, and a removed account with a million messages
  // would be one transaction.
  await db.raw(`create table archive (
    account_id ${integer} not null,
    message_id ${integer} not null,
    peer ${integer} not null,
    resource ${integer} not null,
    primary key (account_id, message_id)
  ) ${keyedTableEnd}`);
  await db.raw("create index archive_by_peer on archive (account_id, peer, message_id, resource)");

  // For each node slot the highest id up to which all messages have their references.
  await db.raw(`create table archive_marks (
    slot ${integer} not null primary key,
    message_id ${integer} not null
  ) ${tableEnd}`);

  // Accounts that have been removed, until their archives are cleared.
  await db.raw(`create table archive_removals (
    account_id ${integer} not null primary key,
    removed_at ${integer} not null
  ) ${tableEnd}`);
}
