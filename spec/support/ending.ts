/** A run that has come to its end and does not end: it says what is still open, instead of waiting for ever. */

/** ms */
const PATIENCE = 60_000;

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
