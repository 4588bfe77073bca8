/** Attributes in an opening tag as `openingTag` writes it, with one space before each and `"` around values that have none. */
import { ENTITIES, escapeAttribute } from "./element.js";

/** From the space before its name to behind its closing quote. */
interface Place {
  start: number;
  valueStart: number;
  end: number;
}

const REFERENCE = /&(?:#x([\dA-F]+)|(\w+));/g;

/** Looks at attribute by attribute: what looks like one may stand in the value of another. */
function find(tag: string, name: string): Place | undefined {
  for (let start = tag.indexOf(" "); start >= 0 && start < tag.length; ) {
    const equals = tag.indexOf("=", start);
    const end = tag.indexOf('"', equals + 2) + 1;
    if (equals < 0 || end === 0) return undefined;
    if (equals - start - 1 === name.length && tag.startsWith(name, start + 1))
      return { start, valueStart: equals + 2, end };
    start = end;
  }
  return undefined;
}

export function attributeOf(tag: string, name: string): string | undefined {
  // Most that are asked for are not there, and need not be looked for one by one.
  if (!tag.includes(` ${name}="`)) return undefined;
  const place = find(tag, name);
  if (!place) return undefined;
  const value = tag.slice(place.valueStart, place.end - 1);
  if (!value.includes("&")) return value;
  return value.replace(REFERENCE, (_, code: string | undefined, entity: string) =>
    code === undefined ? ENTITIES[entity] : String.fromCodePoint(Number.parseInt(code, 16)),
  );
}

/** The tag with an attribute set, or, with undefined, without it. */
export function withAttribute(tag: string, name: string, value: string | undefined): string {
  const place = find(tag, name) ?? { start: tag.length, end: tag.length };
  const written = value === undefined ? "" : ` ${name}="${escapeAttribute(value)}"`;
  return tag.slice(0, place.start) + written + tag.slice(place.end);
}
