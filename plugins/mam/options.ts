import { count, duration, z } from "../../src/plugin/api.js";

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;

/** XEP-0441 §2.1.1: whether messages are archived of whom the account has said nothing. */
export const POLICIES = ["always", "never", "roster"] as const;
export type Policy = (typeof POLICIES)[number];

export const mamOptions = z.strictObject({
  default: z
    .enum(POLICIES)
    .prefault("always")
    .describe(
      "What is archived for accounts that have not chosen: always everything, never anything, or roster for what is exchanged with contacts.",
    ),
  expireAfter: duration({ max: 100 * YEAR })
    .prefault("365d")
    .describe("How long messages stay in archives; 0 for as long as their accounts."),
  page: count({ min: 1, max: 250 })
    .prefault(50)
    .describe("Messages in one answer where the client does not say how many it wants."),
  maxPage: count({ min: 1, max: 1000 }).prefault(250).describe("The most messages in one answer."),
});
export type MamOptions = z.output<typeof mamOptions>;
