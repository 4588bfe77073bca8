import { distance } from "fastest-levenshtein";

/** The candidate that `name` is probably a misspelling of. */
export function closest(name: string, candidates: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  let best: string | undefined;
  // A third of the letters may be wrong; short names would otherwise resemble everything.
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const letters = distance(lower, candidate.toLowerCase());
    if (letters < bestDistance && letters < candidate.length) {
      best = candidate;
      bestDistance = letters;
    }
  }
  return best;
}
