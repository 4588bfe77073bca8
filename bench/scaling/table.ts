/** A Markdown table, which also reads well on a terminal; the first line is the head. */
export function print(title: string, ...lines: readonly (readonly (string | number)[])[]): void {
  const cells = lines.map((line) => line.map((cell) => (typeof cell === "number" ? short(cell) : cell)));
  const widths = cells[0].map((_, i) => Math.max(...cells.map((line) => line[i].length), 2));
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  const [head, ...body] = cells.map((line) =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))),
  );
  console.log(`\n${title}\n`);
  for (const line of [head, rule, ...body]) console.log(`| ${line.join(" | ")} |`);
}

/** Three figures, or a whole number. */
function short(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = Number(value.toFixed(Math.min(3, digits)));
  return (value >= 10_000 ? Number(value.toPrecision(3)) : rounded).toLocaleString("en");
}
