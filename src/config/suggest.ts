import { distance } from "fastest-levenshtein";

/** The candidate that `name` is probably a misspelling of. */
export function closest(name: string, candidates: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  let best: string | undefined;
  // A third of the letters may be wrong, but one at least; short names would otherwise resemble everything.
  let fewest = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    const wrong = slips(lower, candidate.toLowerCase());
    if (wrong < fewest && wrong < candidate.length) {
      best = candidate;
      fewest = wrong;
    }
  }
  return best;
}

/** Letters that are wrong, missing or too many; two that have changed places are one slip. */
function slips(name: string, right: string): number {
  let at = 0;
  while (at < name.length && name[at] === right[at]) at += 1;
  const swapped = `${name.slice(0, at)}${name[at + 1] ?? ""}${name[at] ?? ""}${name.slice(at + 2)}`;
  return Math.min(distance(name, right), 1 + distance(swapped, right));
}
