import type { Element } from "../xml/element.js";
import { NS_CLIENT } from "../xmpp/stanza.js";
import { StepError } from "./failure.js";
import { ABSENT, valueMatches } from "./wildcard.js";

type Captures = Map<string, string>;

/** `scansion:strict` and `scansion:absent` steer the comparison and are not compared. */
const STEERING = new Set(["scansion:strict", "scansion:absent"]);

/**
 * Compares what came with what the script expects.
 *
 * An element is compared loosely or strictly. Loosely: attributes and children that the script does not mention may be
 * there, and children in any order. Strictly: neither, and in the order written. An element that declares a namespace
 * of its own is compared strictly, one that does not like its parent, a stanza itself loosely; `scansion:strict`
 * decides otherwise. The `type` of a stanza is always compared.
 * @param captures is filled only if all fits.
 * @param anyType does not compare a `type` that the script does not mention.
 * @returns the first difference in words, or undefined when it fits.
 */
export function mismatch(
  expected: Element,
  received: Element,
  captures: Captures,
  anyType = false,
): string | undefined {
  const taken: Captures = new Map();
  const difference =
    (anyType ? undefined : compareType(expected, received)) ??
    compare(expected, received, isStrict(expected, false), taken);
  if (difference === undefined) for (const [name, value] of taken) captures.set(name, value);
  return difference;
}

/** `<presence/>` in a script is not meant to fit `<presence type='unavailable'/>`. RFC 6121 §5.2.2: no type is "normal". */
function compareType(expected: Element, received: Element): string | undefined {
  if (expected.attrs.type !== undefined || received.attrs.type === undefined) return undefined;
  if (expected.getName() === "message" && received.attrs.type === "normal") return undefined;
  const stanza =
    ["message", "presence", "iq"].includes(expected.getName()) && namespace(expected) === NS_CLIENT;
  return stanza ? `type="${received.attrs.type}" of <${received.name}> was not expected` : undefined;
}

function isStrict(expected: Element, inherited: boolean): boolean {
  const said = expected.attrs["scansion:strict"];
  if (said !== undefined) return said === "true" || said === "yes" || said === "1";
  const { xmlns } = expected.attrs;
  return xmlns !== undefined && xmlns !== NS_CLIENT ? true : inherited;
}

function namespace(element: Element): string {
  return element.getNS() ?? NS_CLIENT;
}

function compare(
  expected: Element,
  received: Element,
  strict: boolean,
  captures: Captures,
): string | undefined {
  if (expected.getName() !== received.getName()) {
    return `<${expected.getName()}> expected, not <${received.getName()}>`;
  }
  if (namespace(expected) !== namespace(received)) {
    return `<${expected.name}> is in the namespace "${namespace(received)}", not "${namespace(expected)}"`;
  }
  return (
    compareAttributes(expected, received, strict, captures) ??
    compareText(expected, received, strict, captures) ??
    (strict ? compareInOrder(expected, received, captures) : compareInAnyOrder(expected, received, captures))
  );
}

function isCompared(name: string): boolean {
  return name !== "xmlns" && !name.startsWith("xmlns:") && !STEERING.has(name);
}

function compareAttributes(
  expected: Element,
  received: Element,
  strict: boolean,
  captures: Captures,
): string | undefined {
  for (const [name, value] of Object.entries(expected.attrs)) {
    if (!isCompared(name)) continue;
    const got = received.attrs[name];
    const shown = got === undefined ? "absent" : `"${got}"`;
    const fits =
      value === ABSENT || got === undefined
        ? value === ABSENT && got === undefined
        : valueMatches(value, got, (key, found) => captures.set(key, found));
    if (!fits) return `attribute ${name} of <${expected.name}> is ${shown}, not "${value}"`;
  }
  if (!strict) return undefined;
  const extra = Object.keys(received.attrs).find(
    (name) => isCompared(name) && expected.attrs[name] === undefined,
  );
  return extra && `attribute ${extra}="${received.attrs[extra]}" of <${expected.name}> was not expected`;
}

/** Loosely, no text in the script fits any. White space around a text counts only where the script has none of its own there. */
function compareText(
  expected: Element,
  received: Element,
  strict: boolean,
  captures: Captures,
): string | undefined {
  const written = expected.getText();
  const mixed = expected.getChildElements().length > 0 || received.getChildElements().length > 0;
  if (written.trim() === "" && !strict) return undefined;
  const trimmed = mixed || written.trim() !== written;
  const [want, got] = trimmed ? [written.trim(), received.getText().trim()] : [written, received.getText()];
  if (valueMatches(want, got, (key, found) => captures.set(key, found))) return undefined;
  return `the text of <${expected.name}> is "${got}", not "${want}"`;
}

function compareInOrder(expected: Element, received: Element, captures: Captures): string | undefined {
  const wanted = expected.getChildElements();
  const got = received.getChildElements();
  for (const [index, child] of wanted.entries()) {
    if (index >= got.length) return `<${child.name}> is missing in <${expected.name}>`;
    const difference = compare(child, got[index], isStrict(child, true), captures);
    if (difference !== undefined) return difference;
  }
  return got.length > wanted.length
    ? `<${got[wanted.length].name}> in <${expected.name}> was not expected`
    : undefined;
}

function compareInAnyOrder(expected: Element, received: Element, captures: Captures): string | undefined {
  const left = new Set(received.getChildElements());
  for (const child of expected.getChildElements()) {
    const same = [...left].filter(
      (candidate) => candidate.getName() === child.getName() && namespace(candidate) === namespace(child),
    );
    if (child.attrs["scansion:absent"] !== undefined) {
      if (same.length > 0) return `<${child.name}> in <${expected.name}> should be absent`;
      continue;
    }
    const strict = isStrict(child, false);
    const differences = same.map((candidate) => compare(child, candidate, strict, captures));
    const found = differences.indexOf(undefined);
    if (found < 0) return differences[0] ?? `<${child.name}> is missing in <${expected.name}>`;
    left.delete(same[found]);
  }
  return undefined;
}

/**
 * Pairs expectations with what came, whatever the order.
 * @returns undefined when every expectation found a stanza of its own, else the expectation that found none.
 * @throws StepError when there are not as many stanzas as expectations.
 */
export function unmatched(expected: Element[], received: Element[], captures: Captures): Element | undefined {
  if (expected.length !== received.length)
    throw new StepError("as many stanzas as expectations are compared");
  const assigned = new Map<Element, Element>();
  const place = (wanted: Element, tried: Set<Element>): boolean => {
    for (const candidate of received) {
      if (tried.has(candidate) || mismatch(wanted, candidate, new Map()) !== undefined) continue;
      tried.add(candidate);
      const holder = assigned.get(candidate);
      if (holder && !place(holder, tried)) continue;
      assigned.set(candidate, wanted);
      return true;
    }
    return false;
  };
  const lost = expected.find((wanted) => !place(wanted, new Set()));
  if (!lost) for (const [stanza, wanted] of assigned) mismatch(wanted, stanza, captures);
  return lost;
}
