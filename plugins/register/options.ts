import { count, duration, listOf, section, text, z } from "../../src/plugin/api.js";

/** Those of RFC 2142, and names that pass for the people who run the service. */
const RESERVED = ["abuse", "admin", "administrator", "hostmaster", "info", "noc", "postmaster"].concat([
  "root",
  "security",
  "support",
  "webmaster",
  "xmpp",
]);

export const registerOptions = z.strictObject({
  registration: z.boolean().prefault(true).describe("Lets people make an account before they log in."),
  passwordChange: z.boolean().prefault(true).describe("Lets users change their password."),
  removal: z
    .boolean()
    .prefault(true)
    .describe("Lets users remove their account and all that is kept for it."),
  secureOnly: z.boolean().prefault(true).describe("Takes passwords over encrypted connections only."),
  instructions: text()
    .prefault("Choose a user name and a password.")
    .describe("What people are told who want to make an account."),
  minNameLength: count({ min: 1, max: 64 }).prefault(2).describe("The shortest user name, in characters."),
  maxNameLength: count({ min: 1, max: 1023 }).prefault(64).describe("The longest user name, in characters."),
  reservedNames: listOf(text("a user name")).prefault(RESERVED).describe("User names that nobody can take."),
  minPasswordLength: count({ min: 1, max: 128 })
    .prefault(8)
    .describe("The shortest new password, in characters."),
  attemptsPerAddress: section({
    count: count({ min: 1 })
      .prefault(10)
      .describe("Attempts from one network address (IPv6: one /64) within the window."),
    window: duration({ min: 1000 }).prefault("1h").describe("The window in which attempts are counted."),
  }).describe("Attempts to make an account, also those that fail because a name is taken."),
});
export type RegisterOptions = z.output<typeof registerOptions>;
