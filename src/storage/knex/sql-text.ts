/** Pieces of SQL that hold places for values. */

/** "?, ?, …" or "(?, ?), (?, ?), …" */
export function placeholders(count: number, one = "?"): string {
  return new Array<string>(count).fill(one).join(", ");
}

/**
 * SQL for any number of rows, put together once per number.
 * @param write makes the text for `count` rows
 */
export function sqlByCount(write: (count: number) => string): (count: number) => string {
  const texts: (string | undefined)[] = [];
  return (count) => {
    texts[count] ??= write(count);
    return texts[count];
  };
}

/** "(?, ?, …)" */
export function list(count: number): string {
  return `(${placeholders(count)})`;
}
