/** The end of a run: one that does not end says what is still open, instead of waiting for ever. */

/** ms */
const PATIENCE = 60_000;

// Node 20 may spin for ever in taking itself apart (node::Environment::CleanupHandles) when nothing is open any more.
process.once("beforeExit", () => process.exit());

export const mochaHooks = {
  afterAll(): void {
    setTimeout(() => {
      const open = process.getActiveResourcesInfo().filter((name) => name !== "TTYWrap");
      console.error(
        `The specs are done, and this is still open after ${PATIENCE / 1000} s: ${open.join(", ")}`,
      );
      process.exit(1);
    }, PATIENCE).unref();
  },
};
