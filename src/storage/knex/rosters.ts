import type { Knex } from "knex";
import { Jid } from "../../xmpp/jid.js";
import type { Account, RosterChange, RosterEntry, RosterRepository, Subscription } from "../types.js";
import type { Database } from "./database.js";
import { asOptionalText, asText, type Row } from "./dialect.js";
import { hashOf } from "./hash.js";

export class KnexRosters implements RosterRepository {
  constructor(private readonly db: Database) {}

  async list(account: Account): Promise<{ version: string; entries: RosterEntry[] }> {
    // One statement, so that version and entries belong together.
    const rows = await this.db.select(
      `select roster_version, roster_items.* from accounts left join roster_items on account_id = id
       where id = ? order by contact_hash`,
      [account.id],
    );
    const entries = rows.filter((row) => row.contact !== null).map(readEntry);
    return { version: versionOf(account, Number(rows[0]?.roster_version ?? 0)), entries };
  }

  async related(account: Account): Promise<RosterEntry[]> {
    const rows: Row[] = await this.db
      .knex("roster_items")
      .where({ account_id: account.id })
      .andWhere((either) =>
        either.whereNot("subscription", "none").orWhere("ask", true).orWhereNotNull("request"),
      )
      .orderBy("contact_hash");
    return rows.map(readEntry);
  }

  async get(account: Account, contact: Jid): Promise<RosterEntry | undefined> {
    return readFirst(await this.db.knex("roster_items").where(keyOf(account, contact)));
  }

  async update(
    account: Account,
    contact: Jid,
    change: (before: RosterEntry | undefined, listed: number) => RosterEntry | undefined,
  ): Promise<RosterChange> {
    return this.db.transaction(async (trx) => {
      const version = await this.#holdRoster(trx, account);
      const before = readFirst(await trx("roster_items").where(keyOf(account, contact)));
      const after = change(before, await countListed(trx, account));
      if (after === before) return { before, after, version: versionOf(account, version) };

      await write(trx, account, contact, after);
      // RFC 6121 §2.6: a version stands for what clients see; unlisted entries are none of it.
      if (!before?.listed && !after?.listed) return { before, after, version: versionOf(account, version) };
      await trx("accounts")
        .where({ id: account.id })
        .update({ roster_version: version + 1 });
      return { before, after, version: versionOf(account, version + 1) };
    });
  }

  /** Takes the account's row, which stands for its roster: an entry that does not exist yet could not be locked. */
  async #holdRoster(trx: Knex, account: Account): Promise<number> {
    const [row] = await this.db.select(
      `select roster_version from accounts where id = ? ${this.db.dialect.lock.change}`,
      [account.id],
      trx,
    );
    if (!row) throw new Error("the account of this roster has been removed");
    return Number(row.roster_version);
  }
}

/** Ids are never given twice, so a roster of an account that was removed and made again has new versions. */
function versionOf(account: Account, count: number): string {
  return `${account.id}-${count}`;
}

function keyOf(account: Account, contact: Jid) {
  return { account_id: account.id, contact_hash: hashOf(contact.text) };
}

async function countListed(trx: Knex, account: Account): Promise<number> {
  const [row] = await trx("roster_items")
    .where({ account_id: account.id, listed: true })
    .count({ entries: "*" });
  return Number(row.entries);
}

async function write(
  trx: Knex,
  account: Account,
  contact: Jid,
  entry: RosterEntry | undefined,
): Promise<void> {
  const key = keyOf(account, contact);
  if (!entry) {
    await trx("roster_items").where(key).delete();
    return;
  }
  const { name, groups, subscription, ask, approved, request, listed } = entry;
  await trx("roster_items")
    .insert({
      ...key,
      contact: contact.text,
      name,
      group_names: JSON.stringify(groups),
      subscription,
      ask,
      approved,
      request: request ?? null,
      listed,
    })
    .onConflict(Object.keys(key))
    .merge();
}

function readFirst(rows: Row[]): RosterEntry | undefined {
  return rows.length === 0 ? undefined : readEntry(rows[0]);
}

function readEntry(row: Row): RosterEntry {
  return {
    jid: Jid.parse(asText(row.contact)),
    name: asText(row.name),
    groups: JSON.parse(asText(row.group_names)) as string[],
    subscription: asText(row.subscription) as Subscription,
    ask: Boolean(row.ask),
    approved: Boolean(row.approved),
    request: asOptionalText(row.request),
    listed: Boolean(row.listed),
  };
}
