/** A wildcard within a value: `{scansion:any}`, `{scansion:capture:name}`. */
const WILDCARD = /\{scansion:(any|capture:([^{}]+))\}/g;

/** An attribute that must not be there. */
export const ABSENT = "{scansion:absent}";

/**
 * Compares a value with one that may have wildcards in it.
 * @param capture called with what a `{scansion:capture:name}` stands for, once all fits.
 */
export function valueMatches(
  expected: string,
  received: string,
  capture: (name: string, value: string) => void,
): boolean {
  if (!expected.includes("{scansion:")) return expected === received;
  const names: (string | undefined)[] = [];
  let pattern = "";
  let end = 0;
  for (const wildcard of expected.matchAll(WILDCARD)) {
    pattern += `${literal(expected.slice(end, wildcard.index))}(.*)`;
    names.push(wildcard[2]);
    end = wildcard.index + wildcard[0].length;
  }
  const match = new RegExp(`^${pattern}${literal(expected.slice(end))}$`, "su").exec(received);
  if (!match) return false;
  names.forEach((name, index) => {
    if (name !== undefined) capture(name, match[index + 1]);
  });
  return true;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
