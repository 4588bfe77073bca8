import { count, duration, z } from "../../src/plugin/api.js";

export const pushOptions = z.strictObject({
  sender: z.boolean().prefault(false).describe("Tells the service who sent the last message."),
  body: z.boolean().prefault(false).describe("Tells the service what the last message says."),
  maxServices: count({ min: 1, max: 1000 })
    .prefault(20)
    .describe(
      "Services, by address and node, that one account may have told; the oldest makes way for one more.",
    ),
  timeout: duration({ min: 1000, max: 10 * 60_000 })
    .prefault("30s")
    .describe("How long a service may take to answer."),
  maxFailures: count({ min: 1, max: 1000 })
    .prefault(10)
    .describe(
      "Failures in a row that may pass, such as no answer, after which a service is told nothing more.",
    ),
});
export type PushOptions = z.output<typeof pushOptions>;
