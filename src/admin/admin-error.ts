/** What an admin asked for cannot be done; the message says why, in one sentence. */
export class AdminError extends Error {
  override readonly name = "AdminError";
}
