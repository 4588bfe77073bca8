/** What nodes say to each other: batches of items, as JSON. */
import type { Resource } from "../session/session.js";
import { NO_FLAGS } from "../session/session.js";
import type { Attrs } from "../xml/element.js";
import { Jid } from "../xmpp/jid.js";
import { Stanza, type StanzaKind } from "../xmpp/stanza.js";

/** Raised with each change that an older node would misunderstand. */
const VERSION = 4;

/** A row of the directory: localpart@domain/resource, presence (attributes and content), priority, interested, flags, bound at. */
export type Row = [
  jid: string,
  presence: [Attrs, string] | 0,
  priority: number,
  interested: 0 | 1,
  flags: string[],
  boundAt: number,
];

/** What became of a message: delivered, failed, refused by a hook, or it is to wait in the store. */
export type Outcome = "d" | "f" | "x" | "l";

/**
 * Whom a stanza is for: 0 for the full JID in its attribute `to`; another one, which `to` is to say there; or that and what `to` is to
 * say ("": nothing).
 */
export type Target = 0 | string | [full: string, to: string];

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
  /** The attributes as one of the targets has them. The receipt's number, where one is wanted; account and id of a kept message. */
  | ["stanza", StanzaKind, Attrs, string, Target[], number, number, number]
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
  | ["iq", Attrs, string]
  | ["gone", string]
  /** What a part of the server tells itself on another node. */
  | ["news", string, unknown]
  /** Bare JID. */
  | ["forget", string]
  /** A piece of an item's JSON that is too long for one batch; 1: the last one. The other pieces stand right before it. */
  | ["part", string, 0 | 1];

export interface Batch {
  /** Counts up from 0 between two nodes. */
  n: number;
  /** The first after a break: numbers begin here, whatever came before. */
  first?: true;
  items: readonly Item[];
  /** What could not be handled, and why: it is no news for anybody but on its way to the dead letters. */
  poison?: string;
}

export function encode({ n, first, items, poison }: Batch): Buffer {
  return Buffer.from(JSON.stringify([VERSION, n, poison ?? (first ? 1 : 0), items]));
}

/** @throws Error for what no node of this version has written. */
export function decode(bytes: Uint8Array): Batch {
  const read = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  if (!Array.isArray(read) || read[0] !== VERSION) {
    throw new Error(`a message of another version: ${Array.isArray(read) ? read[0] : typeof read}`);
  }
  const [, n, first, items] = read as [number, number, number | string, Item[]];
  if (!Number.isSafeInteger(n) || !Array.isArray(items)) throw new Error("not a batch");
  if (typeof first === "string") return { n, items, poison: first };
  return { n, items, ...(first === 1 && { first: true as const }) };
}

/** @throws Error that does not quote the text, as JSON.parse does: it becomes the reason of a dead letter. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error("a message that is not JSON");
  }
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
  const shown: Row[1] = presence ? [presence.attrs, presence.inner] : 0;
  return [jid.text, shown, priority, interested ? 1 : 0, [...flags], boundAt];
}

/** @throws Error for what is no row. */
export function resourceOf([text, shown, priority, interested, flags, boundAt]: Row, node: string): Resource {
  const jid = Jid.parse(text);
  return {
    jid,
    node,
    presence: shown === 0 ? undefined : Stanza.ofParts("presence", shown[0], jid, undefined, shown[1]),
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
): Item {
  return [
    "stanza",
    stanza.kind,
    stanza.attrs,
    stanza.inner,
    [stanza.attrs.to === full.text ? 0 : targetOf(stanza, full)],
    number,
    kept?.account.id ?? 0,
    kept?.id ?? 0,
  ];
}

export function targetOf(stanza: Stanza, full: Jid): Target {
  return stanza.attrs.to === full.text ? full.text : [full.text, stanza.attrs.to ?? ""];
}
