import type { Knex } from "knex";
import type { Dialect } from "../dialect.js";

/** RFC 7622 §3.2, §3.3: bytes in each part of an address. */
const PART = 1023;

/** Accounts, their rosters, the messages that wait for them, and small values by key. */
export async function up(db: Knex, { types }: Dialect): Promise<void> {
  const { id, integer, boolean, name, text, tableEnd, keyedTableEnd } = types;
  const owned = "foreign key (account_id) references accounts (id) on delete cascade";

  await db.raw(`create table accounts (
    id ${id},
    domain ${name(PART)} not null,
    local ${name(PART)} not null,
    credentials ${text} not null,
    roster_version ${integer} not null default 0,
    unique (domain, local)
  ) ${tableEnd}`);

  // A contact can be longer than what databases can index; its hash (SHA-256, base64url) is not.
  await db.raw(`create table roster_items (
    account_id ${integer} not null,
    contact_hash ${name(43)} not null,
    contact ${text} not null,
    name ${text} not null,
    group_names ${text} not null,
    subscription ${name(4)} not null,
    ask ${boolean} not null,
    approved ${boolean} not null,
    request ${text},
    listed ${boolean} not null,
    primary key (account_id, contact_hash),
    ${owned}
  ) ${tableEnd}`);

  await db.raw(`create table messages (
    id ${integer} not null primary key,
    stanza ${text} not null,
    received_at ${integer} not null
  ) ${tableEnd}`);

  // The marks: which message waits for whom, and which node has it in hand.
  await db.raw(`create table pending (
    account_id ${integer} not null,
    message_id ${integer} not null,
    holder ${name(255)},
    primary key (account_id, message_id),
    ${owned},
    foreign key (message_id) references messages (id)
  ) ${keyedTableEnd}`);
  await db.raw("create index pending_by_message on pending (message_id)");

  // The owner is the account, or 0 for what belongs to nobody: a primary key has no place for null.
  await db.raw(`create table key_values (
    owner ${integer} not null,
    account_id ${integer},
    store ${name(255)} not null,
    key_hash ${name(43)} not null,
    key_text ${text} not null,
    value_text ${text} not null,
    primary key (owner, store, key_hash),
    ${owned}
  ) ${tableEnd}`);
  await db.raw("create index key_values_by_account on key_values (account_id)");
}
