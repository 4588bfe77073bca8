/** Limits of rosters: the section `roster` of the configuration, for all that adds contacts or requests. */
import { type RosterEntry, StanzaError, z } from "../plugin/api.js";

const count = (min: number, max: number, usual: number) => z.int().min(min).max(max).prefault(usual);

export const rosterOptions = z.strictObject({
  maxContacts: count(1, 100_000, 1000).describe("Contacts in one account's roster."),
  maxGroups: count(1, 1000, 32).describe("Groups that one contact may be in."),
  maxNameLength: count(16, 1023, 255).describe("Characters in the name of a contact or group."),
  maxRequests: count(1, 10_000, 250).describe(
    "Unanswered subscription requests of strangers that are kept for one account.",
  ),
  maxRequestSize: count(256, 1_048_576, 16_384).describe(
    "Bytes up to which a subscription request is kept with all that it says.",
  ),
});
export type RosterOptions = z.output<typeof rosterOptions>;

/**
 * @param listed how many contacts the roster has before the change.
 * @throws StanzaError `policy-violation` when the change would add a contact to a full roster.
 */
export function requireRoom(
  before: RosterEntry | undefined,
  after: RosterEntry | undefined,
  listed: number,
  { maxContacts }: Pick<RosterOptions, "maxContacts">,
): void {
  if (!after?.listed || before?.listed || listed < maxContacts) return;
  throw new StanzaError("policy-violation", { text: `a roster may have ${maxContacts} contacts` });
}
