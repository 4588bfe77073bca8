/** XEP-0124 §17.2: why a session is over, with the HTTP status for clients of before version 1.6 (§17.1). */
export const conditions = {
  "bad-request": 400,
  "host-gone": 200,
  "host-unknown": 200,
  "improper-addressing": 200,
  "internal-server-error": 200,
  "item-not-found": 404,
  "other-request": 200,
  "policy-violation": 403,
  "remote-connection-failed": 200,
  "remote-stream-error": 200,
  "system-shutdown": 200,
} as const satisfies Record<string, number>;
export type BoshCondition = keyof typeof conditions;

/** A request that ends its session, or begins none. */
export class BoshError extends Error {
  constructor(
    readonly condition: BoshCondition,
    text?: string,
  ) {
    super(text ?? condition);
    this.name = "BoshError";
  }
}
