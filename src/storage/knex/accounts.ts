import type { Knex } from "knex";
import type { Credentials, IterationCount } from "../../auth/types.js";
import { Jid } from "../../xmpp/jid.js";
import type { Account, AccountRepository } from "../types.js";
import { firstIterations, formatCredentials, parseCredentials } from "./credentials.js";
import type { Database } from "./database.js";
import { asText } from "./dialect.js";
import { isUniqueViolation } from "./errors.js";
import { lockMessages, removeUnmarked } from "./messages.js";

export class KnexAccounts implements AccountRepository {
  constructor(private readonly db: Database) {}

  async find(jid: Jid): Promise<Account | undefined> {
    const id = await this.#value(jid, "id");
    return id === undefined ? undefined : { id: Number(id), jid: jid.bare };
  }

  async credentials(jid: Jid): Promise<Credentials | undefined> {
    const text = await this.#value(jid, "credentials");
    return text === undefined ? undefined : parseCredentials(asText(text));
  }

  async create(jid: Jid, credentials: Credentials): Promise<Account | undefined> {
    const { local, domain } = jid;
    try {
      await this.db.knex("accounts").insert({ local, domain, credentials: formatCredentials(credentials) });
    } catch (error) {
      if (isUniqueViolation(error)) return undefined;
      throw error;
    }
    return this.find(jid);
  }

  async iterationCounts(domain: string): Promise<IterationCount[]> {
    // Up to the first comma: there the iterations end, and what differs from account to account begins.
    const head = `substr(credentials, 1, ${this.db.dialect.position("credentials", ",")})`;
    const rows = await this.db.select(
      `select ${head} as head, count(*) as accounts from accounts where domain = ? group by 1`,
      [domain],
    );
    const counts = rows.map(({ head, accounts }) => ({
      iterations: firstIterations(asText(head)),
      accounts: Number(accounts),
    }));
    return sumUp(counts.filter(({ iterations }) => iterations > 0));
  }

  async replaceCredentials(jid: Jid, before: Credentials, after: Credentials): Promise<boolean> {
    const rows = this.#rows(jid).where({ credentials: formatCredentials(before) });
    return (await rows.update({ credentials: formatCredentials(after) })) > 0;
  }

  async setCredentials(jid: Jid, credentials: Credentials): Promise<boolean> {
    const changed = await this.#rows(jid).update({ credentials: formatCredentials(credentials) });
    return changed > 0;
  }

  async remove(jid: Jid): Promise<boolean> {
    const { dialect } = this.db;
    return this.db.transaction(async (trx) => {
      // From here on nothing is added to the account: those who would add hold on to its row first.
      const found = await this.db.select(
        `select id from accounts where domain = ? and local = ? ${dialect.lock.remove}`,
        [jid.domain, jid.local],
        trx,
      );
      if (found.length === 0) return false;
      const id = Number(found[0].id);
      const marked = await trx("pending").where({ account_id: id }).orderBy("message_id").pluck("message_id");
      const messages = marked.map(Number);
      await lockMessages(this.db, trx, messages);
      await trx("accounts").where({ id }).delete();
      // An archive may be large: it goes in small steps afterwards.
      await trx("archive_removals").insert({ account_id: id, removed_at: Date.now() });
      await removeUnmarked(trx, messages);
      return true;
    });
  }

  async list(domain: string, after: string, limit: number): Promise<Jid[]> {
    const locals = await this.db
      .knex("accounts")
      .where({ domain })
      .where("local", ">", after)
      .orderBy("local")
      .limit(limit)
      .pluck("local");
    return locals.map((local) => Jid.of(asText(local), domain));
  }

  async #value(jid: Jid, column: "id" | "credentials"): Promise<unknown> {
    const row = await this.#rows(jid).first(column);
    return (row as Record<string, unknown> | undefined)?.[column];
  }

  #rows({ local, domain }: Jid): Knex.QueryBuilder {
    return this.db.knex("accounts").where({ domain, local });
  }
}

/** Accounts with the same iterations may have different hashes, and so stand in several rows. */
function sumUp(counts: readonly IterationCount[]): IterationCount[] {
  const sums = new Map<number, number>();
  for (const { iterations, accounts } of counts) sums.set(iterations, (sums.get(iterations) ?? 0) + accounts);
  return [...sums]
    .map(([iterations, accounts]) => ({ iterations, accounts }))
    .sort((a, b) => a.iterations - b.iterations);
}
