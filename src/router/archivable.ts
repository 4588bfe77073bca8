/** What belongs in the archives of accounts, and why: XEP-0313 §6.1.1, XEP-0334. */
import { type Element, isElement } from "../xml/element.js";
import type { Stanza } from "../xmpp/stanza.js";
import { localName, messageType, namespaceOf } from "./keep.js";

type Verdict = "never" | "kept" | "ignored";

interface Rule {
  readonly ns: string;
  /** Local names; left out: any. */
  readonly names?: readonly string[];
  readonly verdict: Verdict;
  readonly why: string;
}

/**
 * A message of type `normal` or `chat` is archived if one of its children is "kept" and none is "never". Other types are
 * not: `groupchat` has its archive in the room, `headline` is for the moment (XEP-0313 §6.1.1), and `error` repeats what
 * is archived already (XEP-0334 §5: hints in it count for nothing).
 *
 * All that is archived also waits for its recipient (`router/keep.ts`), so that both come from one row.
 */
export const ARCHIVE_RULES: readonly Rule[] = [
  {
    ns: "urn:xmpp:hints",
    names: ["no-store"],
    verdict: "never",
    why: "its sender wishes so (XEP-0334 §4.2)",
  },
  {
    ns: "urn:xmpp:hints",
    names: ["no-permanent-store"],
    verdict: "never",
    why: "its sender wishes so; it may wait for its recipient (XEP-0334 §4.1)",
  },
  {
    ns: "urn:xmpp:carbons:2",
    names: ["sent", "received"],
    verdict: "never",
    why: "a copy: the original is archived where it passed (XEP-0313 §6.1.1: only once)",
  },
  { ns: "urn:xmpp:mam:2", verdict: "never", why: "it comes from an archive" },
  { ns: "urn:xmpp:hints", names: ["store"], verdict: "kept", why: "its sender wishes so (XEP-0334 §4.4)" },
  { ns: "jabber:client", names: ["body"], verdict: "kept", why: "what people say (XEP-0313 §6.1.1)" },
  { ns: "eu.siacs.conversations.axolotl", verdict: "kept", why: "said in secret: OMEMO (XEP-0384)" },
  { ns: "urn:xmpp:omemo:2", verdict: "kept", why: "said in secret: OMEMO (XEP-0384)" },
  { ns: "urn:xmpp:openpgp:0", verdict: "kept", why: "said in secret: OpenPGP (XEP-0373)" },
  { ns: "jabber:x:encrypted", verdict: "kept", why: "said in secret: OpenPGP of old (XEP-0027)" },
  {
    ns: "urn:xmpp:receipts",
    names: ["received"],
    verdict: "kept",
    why: "the account's other clients learn what has arrived (XEP-0184)",
  },
  {
    ns: "urn:xmpp:chat-markers:0",
    names: ["received", "displayed", "acknowledged"],
    verdict: "kept",
    why: "the account's other clients learn what has been read (XEP-0333)",
  },
  { ns: "urn:xmpp:reactions:0", verdict: "kept", why: "it belongs to what was said (XEP-0444)" },
  { ns: "urn:xmpp:message-retract:1", verdict: "kept", why: "it takes back what was said (XEP-0424)" },
  { ns: "jabber:x:conference", verdict: "kept", why: "an invitation to a room (XEP-0249)" },
  {
    ns: "http://jabber.org/protocol/muc#user",
    verdict: "ignored",
    why: "it tells of a room, or marks what an occupant says in private, which has a body (XEP-0045)",
  },
  {
    ns: "http://jabber.org/protocol/chatstates",
    verdict: "ignored",
    why: "a moment later it is not true any more (XEP-0313 §3)",
  },
];

const BY_NS = new Map<string, Rule[]>();
for (const rule of ARCHIVE_RULES) BY_NS.set(rule.ns, [...(BY_NS.get(rule.ns) ?? []), rule]);

/** Whether the message is of a kind that belongs in archives; the accounts' preferences are another matter. */
export function isArchivable(message: Stanza): boolean {
  const type = messageType(message);
  if (type !== "normal" && type !== "chat") return false;
  let kept = false;
  for (const child of message.children) {
    if (!isElement(child)) continue;
    const verdict = verdictOn(child);
    if (verdict === "never") return false;
    kept ||= verdict === "kept";
  }
  return kept;
}

function verdictOn(child: Element): Verdict {
  const rules = BY_NS.get(namespaceOf(child) ?? "");
  if (!rules) return "ignored";
  const name = localName(child);
  for (const { names, verdict } of rules) if (!names || names.includes(name)) return verdict;
  return "ignored";
}
