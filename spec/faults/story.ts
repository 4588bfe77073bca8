import { createWriteStream } from "node:fs";

/** What happened in a fault run, for when something was not as it should be: the last of it, with times. */
const MAX = 400_000;

/** All of it, where that is wanted. */
const FILE = process.env.FAULT_STORY === undefined ? undefined : createWriteStream(process.env.FAULT_STORY);

const lines: { at: number; who: string; what: string }[] = [];

export function note(who: string, what: string): void {
  lines.push({ at: Date.now(), who, what });
  FILE?.write(`${Date.now()} ${who}: ${what}\n`);
  if (lines.length > MAX) lines.splice(0, MAX / 2);
}

/** All that was noted of these (and of the nodes) from a while before the first line that matches until after the last. */
export function tell(who: readonly string[], matches: (what: string) => boolean, around = 3000): string {
  const hits = lines.filter((line) => who.includes(line.who) && matches(line.what));
  if (hits.length === 0) return "(nothing noted)";
  const from = hits[0].at - around;
  const to = hits[hits.length - 1].at + around;
  return lines
    .filter(
      (line) => line.at >= from && line.at <= to && (who.includes(line.who) || line.who.startsWith("node")),
    )
    .map(({ at, who: name, what }) => `${at % 1_000_000} ${name}: ${what}`)
    .join("\n");
}

/** All of the last ms but what was heard and sent. */
export function tellEnd(ms: number): string {
  const from = Date.now() - ms;
  return lines
    .filter(({ at, what }) => at >= from && !/^(hears|sent|acknowledged) /.test(what))
    .map(({ at, who, what }) => `${at % 1_000_000} ${who}: ${what}`)
    .join("\n");
}
