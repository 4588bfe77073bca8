/** Bytes from `start` to `end`, both included. */
export interface Range {
  start: number;
  end: number;
}

/**
 * What part of a file is asked for: RFC 9110 §14.2.
 * @returns undefined: all of it, since there is no header, or one that may be ignored (several ranges, other units);
 *   `unsatisfiable`: none of it exists.
 */
export function parseRange(header: string | undefined, size: number): Range | "unsatisfiable" | undefined {
  const [, first, last] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header ?? "") ?? [];
  if (first === undefined || (first === "" && last === "")) return undefined;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return undefined;
  return start >= size ? "unsatisfiable" : { start, end };
}
