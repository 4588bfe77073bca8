type CleanUp = () => void;

const pending = new Set<CleanUp>();

/**
 * Has something cleaned up should the specs be interrupted before they could do it themselves.
 * `cleanUp` may not wait for anything. Gives a function that calls it off.
 */
export function atSuddenEnd(cleanUp: CleanUp): () => void {
  pending.add(cleanUp);
  return () => pending.delete(cleanUp);
}

function cleanUpAll(): void {
  // What came last goes first: processes before their folders.
  for (const cleanUp of [...pending].reverse()) cleanUp();
  pending.clear();
}

process.once("exit", cleanUpAll);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    cleanUpAll();
    // Nobody listens any more, so this ends the process in the way that the signal asks for.
    process.kill(process.pid, signal);
  });
}
