import { type Element, escapeText, isElement, openingTag } from "../xml/element.js";

/** An element as indented lines; text that stands alone in an element stays on its line. */
export function prettyLines(element: Element, indent = ""): string[] {
  const head = openingTag(element.name, sorted(element.attrs), undefined);
  const children = element.children.filter((child) => isElement(child) || child.trim() !== "");
  if (children.length === 0) return [`${indent}${head}/>`];
  if (children.every((child) => !isElement(child))) {
    const text = children.map((child) => escapeText(String(child))).join("");
    return [`${indent}${head}>${text}</${element.name}>`];
  }
  const inner = children.flatMap((child) =>
    isElement(child) ? prettyLines(child, `${indent}  `) : [`${indent}  ${escapeText(child.trim())}`],
  );
  return [`${indent}${head}>`, ...inner, `${indent}</${element.name}>`];
}

function sorted(attrs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attrs)
      .filter(([name]) => !name.startsWith("xmlns:"))
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/**
 * Two elements line by line: `-` before what was expected and did not come, `+` before what came instead.
 */
export function difference(expected: Element, received: Element): string {
  const [a, b] = [prettyLines(expected), prettyLines(received)];
  const common = commonLengths(a, b);
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      lines.push(`    ${a[i]}`);
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1][j] >= common[i][j + 1])) {
      lines.push(`  - ${a[i++]}`);
    } else {
      lines.push(`  + ${b[j++]}`);
    }
  }
  return ["  (- expected, + received)", ...lines].join("\n");
}

/** `[i][j]`: how many lines `a` from i on and `b` from j on have in common, in order. */
function commonLengths(a: string[], b: string[]): number[][] {
  const table = Array.from({ length: a.length + 1 }, () => new Array<number>(b.length + 1).fill(0));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

/** Elements below each other, under a heading. */
export function listing(heading: string, elements: Element[]): string {
  const lines = elements.flatMap((element) => prettyLines(element, "    "));
  return [`  ${heading}`, ...(lines.length === 0 ? ["    (nothing)"] : lines)].join("\n");
}
