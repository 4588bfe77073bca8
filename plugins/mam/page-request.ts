import { type Element, StanzaError, xml } from "../../src/plugin/api.js";
import { NS_RSM } from "./namespaces.js";

/** Which part of the results is wanted: XEP-0059. */
export interface PageRequest {
  max: number;
  /** Name of the message after which the page begins. */
  after: string | undefined;
  /** Name of the message before which it ends; "" for the end of the archive. Undefined: the page is not looked for backwards. */
  before: string | undefined;
}

/** @throws StanzaError */
export function readPageRequest(
  query: Element,
  { page, maxPage }: { page: number; maxPage: number },
): PageRequest {
  const set = query.getChild("set", NS_RSM);
  // XEP-0059 §2.6: how many come before a message is what nobody here counts.
  if (set?.getChild("index")) throw new StanzaError("feature-not-implemented");
  const max = set?.getChild("max")?.getText().trim();
  if (max !== undefined && !/^\d{1,9}$/.test(max)) throw new StanzaError("bad-request");
  return {
    max: Math.min(max === undefined ? page : Number(max), maxPage),
    after: set?.getChild("after")?.getText() || undefined,
    before: set?.getChild("before")?.getText(),
  };
}

/** XEP-0313 §4.3.2: neither count nor index, which would be looked for among all messages. */
export function pageSet(names: readonly string[]): Element {
  const set = xml("set", { xmlns: NS_RSM });
  const [first] = names;
  const last = names.at(-1);
  if (first !== undefined && last !== undefined) {
    set.append(xml("first", {}, first), xml("last", {}, last));
  }
  return set;
}
