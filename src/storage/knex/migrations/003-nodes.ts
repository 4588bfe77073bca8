import type { Knex } from "knex";
import type { Dialect } from "../dialect.js";

/** The nodes of a cluster: whoever has a row here is a member, and who removes it has taken over what it left. */
export async function up(db: Knex, { types }: Dialect): Promise<void> {
  const { integer, tableEnd } = types;
  await db.raw(`create table nodes (
    id ${types.name(100)} not null primary key,
    slot ${integer} not null unique,
    joined_at ${integer} not null,
    heir ${types.name(100)}
  ) ${tableEnd}`);
}
