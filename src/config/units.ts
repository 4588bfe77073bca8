/** Durations and sizes as an admin writes them, and as the program wants them: milliseconds and bytes. */

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `90`, `"90"` (seconds), `"250ms"`, `"10s"`, `"5m"`, `"1h"` or `"30d"` in milliseconds; undefined for anything else. */
export function parseDuration(value: unknown): number | undefined {
  return parse(value, MILLISECONDS, MILLISECONDS.s);
}

/** `4096`, `"4096"` (bytes), `"64 KiB"`, `"1 MiB"` or `"2 GiB"` in bytes; undefined for anything else. */
export function parseSize(value: unknown): number | undefined {
  return parse(value, BYTES, 1);
}

/** Milliseconds in the largest unit that divides them: `90000` is `"90s"`. */
export function formatDuration(milliseconds: number): string {
  return format(milliseconds, MILLISECONDS, "");
}

/** Bytes in the largest unit that divides them: `10240` is `"10 KiB"`, `10000` is `"10000 bytes"`. */
export function formatSize(bytes: number): string {
  return format(bytes, BYTES, " ").replace(/ B$/, " bytes");
}

function parse(value: unknown, units: Record<string, number>, plain: number): number | undefined {
  if (typeof value !== "number" && typeof value !== "string") return undefined;
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([a-zA-Z]*)$/.exec(String(value).trim()) ?? [];
  const factor = unit === "" ? plain : Object.hasOwn(units, unit ?? "?") ? units[unit] : Number.NaN;
  const result = Math.round(Number(digits) * factor);
  return Number.isSafeInteger(result) ? result : undefined;
}

function format(value: number, units: Record<string, number>, space: string): string {
  const fitting = Object.entries(units).filter(([, factor]) => value % factor === 0 && value >= factor);
  const [name, factor] = fitting.at(-1) ?? Object.entries(units)[0];
  return `${value / factor}${space}${name}`;
}
