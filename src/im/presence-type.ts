import { type Stanza, StanzaError } from "../plugin/api.js";
import { subscriptionTypes } from "./subscription-state.js";

/** RFC 6121 §4.7.1 */
const types: ReadonlySet<string | undefined> = new Set([
  undefined,
  "unavailable",
  "probe",
  "error",
  ...subscriptionTypes,
]);

/** @throws StanzaError `bad-request`. RFC 6121 §4.7.1 */
export function requireKnownType({ type }: Stanza): void {
  if (!types.has(type)) throw new StanzaError("bad-request", { text: "no such type of presence" });
}
