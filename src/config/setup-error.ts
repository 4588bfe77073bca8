/**
 * Something only the admin can put right: a mistake in the configuration, a file that is missing, a port that is taken.
 * The message is one or more plain sentences that say what is wrong and what to do. `main` prints it without a stack.
 */
export class SetupError extends Error {
  override readonly name: string = "SetupError";
}
