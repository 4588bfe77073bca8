/**
 * `node dist/bench/archive.js [options]`: how long a page of an archive takes when the archive is large, and by what plan
 * the database finds it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import createKnex, { type Knex } from "knex";
import { createLogger } from "../src/log.js";
import { pageSql, peerHash } from "../src/storage/knex/archive.js";
import { openStorage } from "../src/storage/knex/connect.js";
import { MessageIds } from "../src/storage/message-id.js";
import type { Account, ArchiveQuery, ArchiveReference, NewMessage, Storage } from "../src/storage/types.js";
import { Jid } from "../src/xmpp/jid.js";

const HELP = `node dist/bench/archive.js [options]

  --url URL      postgres://… of an empty database; default: SQLite, in a temporary folder
  --rows N       messages in the archive that is asked (1000000)
  --others N     messages in the archives of others (200000)
  --rounds N     queries of each kind (200)
`;

/** Contacts of the account; the first one has said half of everything, the next half of the rest, and so on. */
const CONTACTS = 16;
const OTHERS = 50;
const BATCH = 1000;
const PAGE = 50;

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    rows: { type: "string", default: "1000000" },
    others: { type: "string", default: "200000" },
    rounds: { type: "string", default: "200" },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  say(HELP);
  process.exit(0);
}
const rows = Number(values.rows);
const rounds = Number(values.rounds);
const body = "Call me but love, and I'll be new baptized; Henceforth I never will be Romeo. ".padEnd(
  122,
  ".",
);

const folder = await mkdtemp(join(tmpdir(), "sluice-archive-"));
const file = join(folder, "archive.sqlite");
const log = createLogger({ level: "error", areas: {}, format: "json", file: undefined });
const storage = await openStorage(
  values.url
    ? { client: "postgres", url: values.url, durability: "relaxed" }
    : { client: "sqlite", file, durability: "relaxed" },
  log,
);
const plain = createKnex(
  values.url
    ? { client: "pg", connection: values.url }
    : { client: "sqlite3", connection: { filename: file }, useNullAsDefault: true },
);
try {
  await run(storage, plain);
} finally {
  await plain.destroy();
  await storage.close();
  await rm(folder, { recursive: true });
}

async function run(db: Storage, sql: Knex): Promise<void> {
  const account = await accountOf(db, "juliet");
  const given = await fill(db, account);
  // As the database does by itself in the course of a day.
  for (const table of ["archive", "messages"])
    await sql.raw(values.url ? `vacuum analyze ${table}` : `analyze ${table}`);

  const at = () => given[Math.floor(Math.random() * given.length)];
  const all = { from: 0, to: Number.MAX_SAFE_INTEGER };
  const common = contact(0).bare;
  const rare = contact(CONTACTS - 1).bare;
  const cases: [string, () => ArchiveQuery][] = [
    ["first page", () => all],
    ["last page", () => ({ ...all, backwards: true })],
    ["from a time on", () => ({ ...all, from: MessageIds.firstAt(MessageIds.timeOf(at())) })],
    ["after a message", () => ({ ...all, from: at() + 1 })],
    ["before a message", () => ({ ...all, to: at() - 1, backwards: true })],
    ["with a contact, first page", () => ({ ...all, with: common })],
    ["with a contact, last page", () => ({ ...all, with: common, backwards: true })],
    ["with a contact, before a message", () => ({ ...all, with: common, to: at() - 1, backwards: true })],
    ["with a rare contact, last page", () => ({ ...all, with: rare, backwards: true })],
    ["with a rare contact, after a message", () => ({ ...all, with: rare, from: at() + 1 })],
    ["with a stranger", () => ({ ...all, with: Jid.parse("nobody@example.org") })],
    ["with one resource of a contact, last page", () => ({ ...all, with: contact(0), backwards: true })],
    ["50 by id", () => ({ ...all, ids: Array.from({ length: PAGE }, at) })],
  ];
  say(`\nA page of ${PAGE} with its texts, ${rounds} times each, in ms:\n`);
  say("| page | median | 99 % | longest |\n| --- | ---: | ---: | ---: |");
  for (const [title, query] of cases) await time(title, () => page(db, account, query()));
  await time("first and last message", () => db.archive.ends(account));

  const middle = given[Math.floor(given.length / 2)];
  const everywhere = [account.id, 0, Number.MAX_SAFE_INTEGER];
  await plan(sql, "after a message", pageSql(false, undefined, false), [
    account.id,
    middle,
    2 ** 52,
    PAGE + 1,
  ]);
  await plan(sql, "last page", pageSql(false, undefined, true), [...everywhere, PAGE + 1]);
  const withRare = [...everywhere, peerHash(rare.text), PAGE + 1];
  await plan(sql, "with a rare contact, last page", pageSql(true, undefined, true), withRare);
}

async function page(db: Storage, account: Account, query: ArchiveQuery): Promise<void> {
  const ids = await db.archive.find(account, query, PAGE + 1);
  await db.archive.read(ids.slice(0, PAGE));
}

async function time(title: string, work: () => Promise<unknown>): Promise<void> {
  const took: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work();
    took.push(performance.now() - start);
  }
  took.sort((a, b) => a - b);
  const ms = (share: number) => took[Math.min(rounds - 1, Math.floor(share * rounds))].toFixed(2);
  say(`| ${title} | ${ms(0.5)} | ${ms(0.99)} | ${ms(1)} |`);
}

async function plan(sql: Knex, title: string, text: string, bindings: readonly number[]): Promise<void> {
  say(`\nPlan, ${title}:`);
  const explain = values.url ? "explain (analyze, costs off)" : "explain query plan";
  const result: unknown = await sql.raw(`${explain} ${text}`, [...bindings]);
  const lines = values.url
    ? (result as { rows: { "QUERY PLAN": string }[] }).rows.map((row) => row["QUERY PLAN"])
    : (result as { detail: string }[]).map(({ detail }) => detail);
  for (const line of lines) say(`  ${line}`);
}

/** Messages one second apart up to now, the account's evenly among those of the others. @returns ids of the account's. */
async function fill(db: Storage, account: Account): Promise<number[]> {
  const others = await Promise.all(
    Array.from({ length: OTHERS }, (_, index) => accountOf(db, `other-${index}`)),
  );
  const total = rows + Number(values.others);
  const ids = new MessageIds(1);
  const start = Date.now() - total * 1000;
  const given: number[] = [];
  const began = performance.now();
  for (let done = 0; done < total; done += BATCH) {
    const messages: NewMessage[] = [];
    for (let index = done; index < Math.min(done + BATCH, total); index++) {
      const id = ids.next(start + index * 1000);
      const own = Math.floor(((index + 1) * rows) / total) > Math.floor((index * rows) / total);
      if (own) given.push(id);
      const recipient = own ? account : others[index % OTHERS];
      const from = own ? contact(Math.min(CONTACTS - 1, Math.floor(-Math.log2(Math.random())))) : contact(0);
      messages.push(messageOf(id, recipient, from));
    }
    await db.messages.append(messages);
    await db.archive.add(messages.flatMap(referenceTo), { slot: 1, id: messages[messages.length - 1].id });
  }
  const seconds = (performance.now() - began) / 1000;
  say(
    `${total} messages written in ${seconds.toFixed(0)} s, ${((seconds * 1e6) / total).toFixed(0)} µs each; ${given.length} of them in one archive`,
  );
  return given;
}

function messageOf(id: number, recipient: Account, from: Jid): NewMessage {
  const stanza = `<message xmlns="jabber:client" from="${from}" to="${recipient.jid}" type="chat" id="${id}"><body>${body}</body></message>`;
  const archives = { sender: undefined, recipient, from, to: recipient.jid };
  return {
    id,
    account: recipient,
    stanza,
    receivedAt: MessageIds.timeOf(id),
    holder: undefined,
    delivered: true,
    archives,
  };
}

function referenceTo({ id, account, archives }: NewMessage): ArchiveReference[] {
  return archives ? [{ accountId: account.id, messageId: id, peer: archives.from }] : [];
}

function contact(index: number): Jid {
  return Jid.parse(`contact-${index}@example.org/orchard`);
}

async function accountOf(db: Storage, name: string): Promise<Account> {
  const account = await db.accounts.create(Jid.of(name, "localhost"), {});
  if (!account) throw new Error("the database is not empty");
  return account;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
