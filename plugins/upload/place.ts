import { randomBytes } from "node:crypto";

/** Bytes in a name: what file systems and clients can be expected to take. */
const MAX_NAME = 255;

/** Where an upload is found below the path of all uploads. */
export interface Place {
  /** 160 random bits in hex, which nobody guesses. The only thing of a place that the file system gets to see. */
  id: string;
  /** The file's name as its owner gave it, for people to read. */
  name: string;
}

export function newId(): string {
  return randomBytes(20).toString("hex");
}

export function isId(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/**
 * A file's name without what would not survive in a path: slashes, control characters, what turns the direction of
 * writing around, and the names of folders.
 * @returns undefined when nothing is left, or too much.
 */
export function cleanName(given: string): string | undefined {
  const name = given.replace(/[/\\\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/gu, "_").trim();
  if (name === "" || /^\.+$/.test(name) || Buffer.byteLength(name) > MAX_NAME) return undefined;
  return name;
}

/** XEP-0363 §4: RFC 3986, with all that is not ASCII percent-encoded. */
export function formatPlace({ id, name }: Place): string {
  return `${id}/${encodeURIComponent(name)}`;
}

/** @returns undefined for what can be no place. */
export function parsePlace(text: string): Place | undefined {
  const [, id, encoded] = /^([^/]+)\/([^/]{1,800})$/.exec(text) ?? [];
  if (encoded === undefined || !isId(id)) return undefined;
  try {
    return { id, name: decodeURIComponent(encoded) };
  } catch {
    // Percent signs that stand for no character.
    return undefined;
  }
}
