/** What a roster set asks for. */
import { type Element, Jid, StanzaError } from "../plugin/api.js";
import { NS_ROSTER } from "./roster-entry.js";
import type { RosterOptions } from "./roster-options.js";

type Limits = Pick<RosterOptions, "maxGroups" | "maxNameLength">;

export interface RosterItem {
  jid: Jid;
  /** `subscription="remove"`; any other value is ignored, as are `ask` and `approved`: RFC 6121 §2.1.2, §2.1.5. */
  remove: boolean;
  /** "" for none: RFC 6121 §2.4.1. */
  name: string;
  groups: string[];
}

/**
 * Reads `<query xmlns="jabber:iq:roster"/>` of a roster set. RFC 6121 §2.1.5, §2.3.3
 * @throws StanzaError `bad-request`, `not-acceptable` or `jid-malformed`.
 */
export function parseRosterSet(query: Element, limits: Limits): RosterItem {
  const items = query.getChildren("item", NS_ROSTER);
  if (items.length !== 1) throw new StanzaError("bad-request", { text: "exactly one item is expected" });
  const [item] = items;
  const jid = parseJid(item.attrs.jid);
  if (item.attrs.subscription === "remove") return { jid, remove: true, name: "", groups: [] };
  const { name = "" } = item.attrs;
  requireLength(name, limits);
  return { jid, remove: false, name, groups: parseGroups(item, limits) };
}

function parseJid(text: string | undefined): Jid {
  if (text === undefined) throw new StanzaError("bad-request", { text: "the item has no jid" });
  const jid = Jid.tryParse(text);
  if (!jid) throw new StanzaError("jid-malformed");
  return jid;
}

function parseGroups(item: Element, limits: Limits): string[] {
  const groups = item.getChildren("group", NS_ROSTER).map((group) => group.getText());
  for (const group of groups) {
    if (group === "") throw new StanzaError("not-acceptable", { text: "a group has no name" });
    requireLength(group, limits);
  }
  if (new Set(groups.map((group) => group.normalize("NFC"))).size < groups.length) {
    throw new StanzaError("bad-request", { text: "a group is named twice" });
  }
  if (groups.length > limits.maxGroups) {
    throw new StanzaError("not-acceptable", { text: `a contact may be in ${limits.maxGroups} groups` });
  }
  return groups;
}

function requireLength(name: string, { maxNameLength }: Limits): void {
  if (name.length <= maxNameLength) return;
  throw new StanzaError("not-acceptable", { text: `a name may have ${maxNameLength} characters` });
}
