/** Lines of cells as text, each column as wide as its widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, i) => Math.max(most[i] ?? 0, cell.length)),
    [],
  );
  const line = (row: readonly string[]) => row.map((cell, i) => cell.padEnd(widths[i])).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
