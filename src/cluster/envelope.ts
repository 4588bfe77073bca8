/** What nodes say to each other: batches of items, as JSON, behind which stanzas stand as they are. */
import { isAscii } from "node:buffer";
import type { Resource } from "../session/session.js";
import { NO_FLAGS } from "../session/session.js";
import { ownText } from "../xml/own-copy.js";
import { Jid } from "../xmpp/jid.js";
import { Stanza } from "../xmpp/stanza.js";

/** Raised with each change that an older node would misunderstand. */
const VERSION = 5;

/** A row of the directory: localpart@domain/resource, presence as text, priority, interested, flags, bound at. */
export type Row = [
  jid: string,
  presence: string | 0,
  priority: number,
  interested: 0 | 1,
  flags: string[],
  boundAt: number,
];

/** What became of a message: delivered, failed, refused by a hook, or it is to wait in the store. */
export type Outcome = "d" | "f" | "x" | "l";

/** Whom a stanza is for: a full JID, which its `to` is to say there, too; or that and what `to` is to say ("": nothing). */
export type Target = string | [full: string, to: string];

export type Item =
  /** I tell of all my sessions from here on. */
  | ["begin"]
  | ["rows", Row[]]
  /** That were all; what you know otherwise of me is over. */
  | ["all"]
  | ["row", Row]
  /** A session of mine has ended: full JID, bound at. */
  | ["end", string, number]
  /** A session of mine is that node's from now on: full JID, node, bound there at. */
  | ["moved", string, string, number]
  /** As text for one of the targets. The receipt's number, where one is wanted; account and id of a kept message. */
  | ["stanza", string, string | Target[], number, number, number]
  /** What became of each of these. */
  | ["receipts", number[], Outcome]
  /** Bare JID: something is in the store for it now; so many of that were answered by `l` before. */
  | ["stored", string, number]
  /** What dead nodes held is free: whoever has sessions looks whether something waits for them. */
  | ["look"]
  /** I am there. */
  | ["beat"]
  /** I miss what came after this number of batches. */
  | ["again", number]
  /** I leave. */
  | ["bye"]
  | ["ask", number, string, unknown]
  | ["answer", number, unknown]
  | ["refuse", number, string]
  /** An iq that answers a request of yours. */
  | ["iq", string]
  | ["gone", string]
  /** What a part of the server tells itself on another node. */
  | ["news", string, unknown]
  /** Bare JID. */
  | ["forget", string]
  /** A piece of an item's JSON that is too long for one batch; 1: the last one. The other pieces stand right before it. */
  | ["part", string, 0 | 1];

export type StanzaItem = Extract<Item, ["stanza", ...unknown[]]>;

export interface Batch {
  /** Counts up from 0 between two nodes. */
  n: number;
  /** The first after a break: numbers begin here, whatever came before. */
  first?: true;
  items: readonly Item[];
  /** What could not be handled, and why: it is no news for anybody but on its way to the dead letters. */
  poison?: string;
}

/** Numbers that are told of each stanza: see `encode`. */
const FIGURES = 5;
/** Bytes. Nearly all batches are put together here, and copied out: what they take is known only then. */
const DRAFT = 256 * 1024;
const draft = Buffer.allocUnsafeSlow(DRAFT);
/** Bytes of UTF-8 for a unit of UTF-16 at the most. */
const MAX_UNIT = 3;

/**
 * One line of JSON, which has no line feed, and behind it, as they are, each stanza and whom it is for. In the line, among the other
 * items, stands for stanzas how many of them there are; and last the figures of all: the characters of the stanza; those of whom it
 * is for, negative where that is JSON; receipt and account; and the id, as the difference to the one before.
 */
export function encode({ n, first, items, poison }: Batch): Buffer {
  const others: (Item | number)[] = [];
  const figures: number[] = [];
  let texts = "";
  let stanzas = 0;
  let before = 0;
  for (const item of items) {
    if (item[0] !== "stanza") {
      if (stanzas > 0) others.push(stanzas);
      stanzas = 0;
      others.push(item);
      continue;
    }
    const [, text, targets, number, account, id] = item;
    const whom = typeof targets === "string" ? targets : JSON.stringify(targets);
    stanzas += 1;
    texts += text;
    texts += whom;
    figures.push(text.length, whom === targets ? whom.length : -whom.length, number, account, id - before);
    before = id;
  }
  if (stanzas > 0) others.push(stanzas);
  const head = JSON.stringify([VERSION, n, poison ?? (first ? 1 : 0), others, figures]);
  return bytesOf(`${head}\n${texts}`);
}

function bytesOf(text: string): Buffer {
  if (MAX_UNIT * text.length > DRAFT) return Buffer.from(text);
  return Buffer.from(draft.subarray(0, draft.write(text)));
}

/** @throws Error for what no node of this version has written. */
export function decode(bytes: Uint8Array): Batch {
  const batch = textOf(bytes);
  const [version, n, first, others, figures] = parse(batch.head);
  if (version !== VERSION)
    throw new Error(`a message of another version: ${typeof version === "number" ? version : "?"}`);
  if (!Number.isSafeInteger(n) || !Array.isArray(others) || !Array.isArray(figures))
    throw new Error("not a batch");
  const items = itemsOf(others, figures, batch);
  if (typeof first === "string") return { n: n as number, items, poison: first };
  return { n: n as number, items, ...(first === 1 && { first: true as const }) };
}

/** A batch that is read: its line, and what stands behind that. */
interface BatchText {
  head: string;
  length: number;
  /** The characters from one place to another, as a text of their own: a stanza may be kept for long, and is not to keep all the others. */
  slice(start: number, end: number): string;
}

function textOf(bytes: Uint8Array): BatchText {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const line = buffer.indexOf("\n");
  const head = buffer.toString("utf8", 0, line < 0 ? buffer.length : line);
  const rest = buffer.subarray(line < 0 ? buffer.length : line + 1);
  if (isAscii(rest)) {
    return { head, length: rest.length, slice: (start, end) => rest.toString("latin1", start, end) };
  }
  const text = rest.toString();
  return { head, length: text.length, slice: (start, end) => ownText(text.slice(start, end)) };
}

function itemsOf(others: readonly (Item | number)[], figures: readonly number[], batch: BatchText): Item[] {
  const items: Item[] = [];
  let at = 0;
  let figure = 0;
  let id = 0;
  for (const other of others) {
    if (typeof other !== "number") {
      items.push(other);
      continue;
    }
    const last = figure + FIGURES * other;
    if (last > figures.length) break;
    for (; figure < last; figure += FIGURES) {
      const length = figures[figure];
      const whom = figures[figure + 1];
      const both = batch.slice(at, at + length + Math.abs(whom));
      at += length + Math.abs(whom);
      id += figures[figure + 4];
      const rest = both.slice(length);
      const targets = whom < 0 ? (parse(rest) as Target[]) : rest;
      items.push(["stanza", both.slice(0, length), targets, figures[figure + 2], figures[figure + 3], id]);
    }
  }
  if (figure !== figures.length || at !== batch.length)
    throw new Error("not the stanzas that it should have");
  return items;
}

/** @throws Error that does not quote the text, as JSON.parse does: it becomes the reason of a dead letter. */
function parse(text: string): unknown[] {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    throw new Error("a message that is not JSON");
  }
  if (!Array.isArray(read)) throw new Error("a message that is no list");
  return read;
}

/** Characters of an item on its way. */
export function sizeOf(item: Item): number {
  return JSON.stringify(item).length;
}

/** @param size characters of one part, before it is quoted */
export function partsOf(item: Item, size: number): Item[] {
  const text = JSON.stringify(item);
  const parts: Item[] = [];
  for (let start = 0; start < text.length; start += size)
    parts.push(["part", text.slice(start, start + size), start + size < text.length ? 0 : 1]);
  return parts;
}

export function rowOf({ jid, presence, priority, interested, flags, boundAt }: Resource): Row {
  const shown = presence?.text() ?? 0;
  return [jid.text, shown, priority, interested ? 1 : 0, [...flags], boundAt];
}

/** @throws Error for what is no row. */
export function resourceOf([text, shown, priority, interested, flags, boundAt]: Row, node: string): Resource {
  const jid = Jid.parse(text);
  return {
    jid,
    node,
    presence: shown === 0 ? undefined : Stanza.ofText(shown),
    priority,
    interested: interested === 1,
    flags: flags.length === 0 ? NO_FLAGS : new Set(flags),
    boundAt,
    session: undefined,
  };
}

/** A stanza for one resource. */
export function stanzaItem(
  stanza: Stanza,
  full: Jid,
  number: number,
  kept?: { account: { id: number }; id: number },
): StanzaItem {
  const target = targetOf(stanza, full);
  const targets = typeof target === "string" ? target : [target];
  return ["stanza", stanza.text(), targets, number, kept?.account.id ?? 0, kept?.id ?? 0];
}

/** One more to have it. */
export function addTarget(item: StanzaItem, stanza: Stanza, full: Jid): void {
  const target = targetOf(stanza, full);
  if (typeof item[2] === "string") item[2] = [item[2], target];
  else item[2].push(target);
}

function targetOf({ to }: Stanza, full: Jid): Target {
  return to?.text === full.text ? full.text : [full.text, to?.text ?? ""];
}
