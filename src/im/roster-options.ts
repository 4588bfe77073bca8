/** Limits of rosters: options of the plugin `roster`, kept also by what adds contacts without a roster set. */
import { type PluginContext, type RosterEntry, StanzaError, type Storage, z } from "../plugin/api.js";

export const rosterOptions = z.strictObject({
  maxContacts: z.int().min(1).max(100_000).prefault(1000).describe("How many contacts a roster may have."),
  maxGroups: z.int().min(0).max(1000).prefault(32).describe("How many groups a contact may be in."),
  maxNameLength: z
    .int()
    .min(1)
    .max(1023)
    .prefault(255)
    .describe("How many characters the name of a contact or group may have."),
});
export type RosterOptions = z.output<typeof rosterOptions>;

/** By the server's storage and the domain, so that servers in one process do not meet. */
const known = new WeakMap<Storage, Map<string, RosterOptions>>();

export function setRosterOptions(ctx: PluginContext, options: RosterOptions): void {
  const domains = known.get(ctx.storage) ?? new Map<string, RosterOptions>();
  known.set(ctx.storage, domains.set(ctx.domain, options));
}

export function rosterOptionsOf(ctx: PluginContext): RosterOptions {
  return known.get(ctx.storage)?.get(ctx.domain) ?? rosterOptions.parse({});
}

/**
 * @param listed how many contacts the roster has before the change.
 * @throws StanzaError `policy-violation` when the change would add a contact to a full roster.
 */
export function requireRoom(
  before: RosterEntry | undefined,
  after: RosterEntry | undefined,
  listed: number,
  { maxContacts }: RosterOptions,
): void {
  if (!after?.listed || before?.listed || listed < maxContacts) return;
  throw new StanzaError("policy-violation", { text: `a roster may have ${maxContacts} contacts` });
}
