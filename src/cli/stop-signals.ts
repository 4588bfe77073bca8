/** ms. npm passes on a Ctrl-C that the terminal has sent to this process already: both are one. */
const SAME = 1000;

/**
 * Listens for SIGTERM and SIGINT from now on. A second one, when the first did not help, ends the process at once with
 * exit code 1.
 * @returns resolves with the first.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  let first: number | undefined;
  return new Promise((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.on(name, () => {
        if (first === undefined) {
          first = performance.now();
          resolve(name);
        } else if (performance.now() - first > SAME) {
          console.error(`Stopping at once, because of another ${name}.`);
          process.exit(1);
        }
      });
    }
  });
}
