import assert from "node:assert/strict";
import type { Credentials } from "../../src/auth/types.js";
import type { Account, RosterEntry, Storage } from "../../src/storage/types.js";
import { Jid } from "../../src/xmpp/jid.js";

let made = 0;

/** A localpart that nobody had before. */
export function freshLocal(name = "juliet"): string {
  return `${name}-${++made}`;
}

export function credentialsOf(text: string, iterations = 4096): Credentials {
  const bytes = (name: string) => Buffer.from(`${name} of ${text}\0\xff`, "latin1");
  const keys = { iterations, salt: bytes("salt"), storedKey: bytes("stored"), serverKey: bytes("server") };
  return { "sha-256": keys, "sha-1": { ...keys, iterations: iterations + 1 } };
}

export async function freshAccount(
  storage: Storage,
  jid = Jid.of(freshLocal(), "capulet.example"),
): Promise<Account> {
  const account = await storage.accounts.create(jid, {});
  assert.ok(account, `${jid} exists already`);
  return account;
}

export function contactEntry(jid: Jid, changes: Partial<RosterEntry> = {}): RosterEntry {
  return {
    jid,
    name: "",
    groups: [],
    subscription: "none",
    ask: false,
    approved: false,
    request: undefined,
    listed: true,
    ...changes,
  };
}

/** Valid localparts that mean something to one database, its driver or knex. */
export const HOSTILE_LOCALS = [
  ";--",
  "');drop(table)".replace("'", "`"),
  "%",
  "_",
  "\\",
  "\\0",
  "?",
  "??",
  "\\?",
  "$1",
  "null",
  "`",
  "#",
  "{}",
  "resume",
  "résumé",
  "ß",
  "ss",
  "\u{20000}",
];

/** Texts for places where every character may stand. No two of them are the same. */
export const HOSTILE_TEXTS = [
  "'; drop table accounts; --",
  '" or ""="',
  "\\'; drop table accounts; --",
  "?",
  "\\?",
  "$1 :name ??",
  "null",
  "balcony",
  "Balcony",
  "bálcony",
  "ba\u0301lcony",
  "balcony ",
  " balcony",
  "balcony\u00a0",
  "🎭",
  "🎭🏽‍🎤\u{10FFFD}",
  "\u{20000}",
  "%",
  "x".repeat(700),
  `${"x".repeat(700)}y`,
  "🎭".repeat(250),
];
