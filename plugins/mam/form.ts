import { type Element, Jid, StanzaError, xml } from "../../src/plugin/api.js";
import { NS_FORM, NS_MAM } from "./namespaces.js";

/** What a query asks for: XEP-0313 §4.1. */
export interface Filter {
  /** ms since 1970, these included. */
  start?: number;
  end?: number;
  with?: Jid;
  /** Names of messages, these not included. */
  beforeId?: string;
  afterId?: string;
  ids?: readonly string[];
}

/** Names that one query may ask for. */
const MAX_IDS = 100;
/** XEP-0082 §3.2 */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3}(\d*))?(?:Z|[+-]\d\d:\d\d)$/;

/** The minute, and a second that only a leap second is. */
const LEAP_SECOND = /(T\d\d:\d\d):60/;

type Reader = (filter: Filter, values: readonly string[]) => void;

const FIELDS: Readonly<Record<string, Reader>> = {
  start: (filter, values) => {
    filter.start = readTime(one(values), "up");
  },
  end: (filter, values) => {
    filter.end = readTime(one(values), "down");
  },
  with: (filter, values) => {
    filter.with = readJid(one(values));
  },
  "before-id": (filter, values) => {
    filter.beforeId = one(values);
  },
  "after-id": (filter, values) => {
    filter.afterId = one(values);
  },
  ids: (filter, values) => {
    if (values.length > MAX_IDS)
      throw new StanzaError("not-acceptable", { text: `no more than ${MAX_IDS} ids at once` });
    filter.ids = values;
  },
  // §4.1.4: no archive here has messages of rooms, so this changes nothing.
  "include-groupchat": (_filter, values) => {
    if (!/^(?:true|false|1|0)$/.test(one(values))) throw new StanzaError("bad-request");
  },
};

/** @throws StanzaError what is wrong with the form in a query. */
export function readFilter(query: Element): Filter {
  const form = query.getChild("x", NS_FORM);
  const filter: Filter = {};
  if (!form) return filter;
  const fields = form.getChildren("field").map(readField);
  const type = fields.find(({ name }) => name === "FORM_TYPE");
  if (form.attrs.type !== "submit" || type?.values[0] !== NS_MAM) throw new StanzaError("bad-request");
  for (const { name, values } of fields) {
    if (name === "FORM_TYPE") continue;
    // §4.1.5
    if (!Object.hasOwn(FIELDS, name)) throw new StanzaError("feature-not-implemented");
    FIELDS[name](filter, values);
  }
  return filter;
}

/** The fields that a query may have: XEP-0313 §4.1.5. */
export function formFields(): Element {
  const field = (type: string, name: string, ...children: Element[]) =>
    xml("field", { type, var: name }, ...children);
  return xml(
    "x",
    { xmlns: NS_FORM, type: "form" },
    field("hidden", "FORM_TYPE", xml("value", {}, NS_MAM)),
    field("jid-single", "with"),
    field("text-single", "start"),
    field("text-single", "end"),
    field("text-single", "before-id"),
    field("text-single", "after-id"),
    field(
      "list-multi",
      "ids",
      xml(
        "validate",
        { xmlns: "http://jabber.org/protocol/xdata-validate", datatype: "xs:string" },
        xml("open"),
      ),
    ),
    field("boolean", "include-groupchat"),
  );
}

function readField(field: Element): { name: string; values: string[] } {
  return { name: field.attrs.var ?? "", values: field.getChildren("value").map((value) => value.getText()) };
}

function one(values: readonly string[]): string {
  if (values.length !== 1) throw new StanzaError("bad-request");
  return values[0];
}

/** Messages have times of whole milliseconds, so a finer one is rounded towards what it lets in. */
function readTime(text: string, round: "up" | "down"): number {
  const match = DATE_TIME.exec(text);
  const time = match ? parseTime(text) : Number.NaN;
  if (!Number.isFinite(time)) throw new StanzaError("bad-request", { text: "expected a time of XEP-0082" });
  return round === "up" && Number(match?.[1] ?? 0) > 0 ? time + 1 : time;
}

/** XEP-0082 §3.2 follows ISO 8601, where a day may end with a leap second. Clocks show the second before it twice instead. */
function parseTime(text: string): number {
  if (!LEAP_SECOND.test(text)) return Date.parse(text);
  const time = Date.parse(text.replace(LEAP_SECOND, "$1:59"));
  return new Date(time).toISOString().includes("T23:59:59") ? time : Number.NaN;
}

function readJid(text: string): Jid {
  const jid = Jid.tryParse(text);
  if (!jid) throw new StanzaError("jid-malformed");
  return jid;
}
