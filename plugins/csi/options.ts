import { count, z } from "../../src/plugin/api.js";

export const csiOptions = z.strictObject({
  presence: z.boolean().prefault(true).describe("Keeps back who came and went, but for the latest of each."),
  chatStates: z.boolean().prefault(true).describe("Keeps back who is typing, but for the latest of each."),
  notifications: z
    .boolean()
    .prefault(true)
    .describe("Keeps back notifications of what others have published (XEP-0060, XEP-0163)."),
  maxHeld: count({ min: 1, max: 100_000 })
    .prefault(1000)
    .describe("Stanzas kept back for one client; one more, and it gets them all."),
});
export type CsiOptions = z.output<typeof csiOptions>;
