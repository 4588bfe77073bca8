/**
 * The building blocks of the schema: each is a zod schema whose message says in words what it expects. The loader adds
 * what it found and where. Plugins use the same blocks for their options.
 *
 * Defaults are given with `.prefault(…)`, in the form the admin would write, so that documentation can show them.
 */
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import * as z from "zod";
import { Jid } from "../xmpp/jid.js";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.js";

interface Range {
  min?: number;
  max?: number;
}

/**
 * A value that one function reads.
 * @param expected completes the sentence "expected …"
 * @param read gives undefined for what it does not accept
 */
export function scalar<T>(expected: string, read: (value: unknown) => T | undefined) {
  return z.unknown().transform((value, context): T => {
    const result = read(value);
    if (result !== undefined) return result;
    context.issues.push({ code: "custom", message: `expected ${expected}`, input: value });
    return z.NEVER;
  });
}

/** A time, resolved to milliseconds. Written as seconds or with a unit: `10`, `"250ms"`, `"5m"`. The range is in milliseconds. */
export function duration({ min = 0, max = 365 * 86_400_000 }: Range = {}) {
  const expected = `a time${inRange(min, max, formatDuration)} such as 10 (seconds), 250ms, 5m, 1h or 30d`;
  return scalar(expected, within(parseDuration, min, max));
}

/** A size, resolved to bytes. Written as bytes or with a unit: `4096`, `"64 KiB"`. The range is in bytes. */
export function size({ min = 0, max = 1024 ** 3 }: Range = {}) {
  return scalar(
    `a size${inRange(min, max, formatSize)}, as bytes or such as 64 KiB`,
    within(parseSize, min, max),
  );
}

/** A whole number. */
export function count({ min = 0, max = 1_000_000_000 }: Range = {}) {
  const whole = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : undefined);
  return scalar(`a whole number${inRange(min, max, String)}`, within(whole, min, max));
}

/** Text that is not empty. */
export function text(expected = "text") {
  return scalar(expected, nonEmpty);
}

/** The path of a file or folder, resolved to an absolute one; what is relative starts at the working directory. */
export function path() {
  return scalar("the path of a file or folder", (value) => {
    const given = nonEmpty(value);
    return given && resolve(given);
  });
}

/** A domain name as it stands in addresses: lower case, without port. Names in other scripts are written as such, not as xn--. */
export function domainName() {
  return scalar(
    "a domain name of letters, digits and hyphens, in lower case, such as example.org",
    (value) => (typeof value === "string" && isDomainName(value) ? value : undefined),
  );
}

/** For `scalar`: an IP address, or a network in CIDR notation. */
export function network(value: unknown): string | undefined {
  const [, address, bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(nonEmpty(value) ?? "") ?? [];
  const version = isIP(address ?? "");
  if (version === 0) return undefined;
  return Number(bits ?? 0) <= (version === 4 ? 32 : 128) ? (value as string) : undefined;
}

/** For `scalar`: host:port, an IPv6 address in brackets, as RFC 6120 §4.9.3.19 writes it. */
export function hostPort(value: unknown): string | undefined {
  const [, host, port] = /^([^\s:/@[\]]+|\[[^\]]+\]):(\d{1,5})$/.exec(nonEmpty(value) ?? "") ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return host.startsWith("[") && isIP(host.slice(1, -1)) !== 6 ? undefined : (value as string);
}

/** For `scalar`: how many processes. */
export function workerCount(value: unknown): number | undefined {
  if (value === "auto") return availableParallelism();
  return Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= 256
    ? Number(value)
    : undefined;
}

/** For `scalar`: the origin of an https address, without a slash at its end. */
export function webAddress(value: unknown): string | undefined {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : undefined;
  return url?.protocol === "https:" && /^https:\/\/[^/?#@]+\/?$/i.test(value as string)
    ? url.origin
    : undefined;
}

export function oneOf<const T extends readonly [string, ...string[]]>(...names: T) {
  return z.enum(names);
}

/** A list without repetition. */
export function listOf<T extends z.ZodType>(item: T, { min = 0 } = {}) {
  return z.array(item).min(min);
}

/** Named options; a key that is not among them is a mistake. Nothing at all (`tls:` with every line below it commented out) means all defaults. */
export function section<const S extends z.ZodRawShape>(shape: S) {
  return z.preprocess((value) => value ?? {}, z.strictObject(shape)).prefault({});
}

/** Names chosen by the admin, each with the same kind of value. Nothing at all means an empty map. */
export function mapOf<K extends z.core.$ZodRecordKey, V extends z.ZodType>(key: K, value: V) {
  return z.preprocess((given) => given ?? {}, z.record(key, value));
}

function within(read: (value: unknown) => number | undefined, min: number, max: number) {
  return (value: unknown) => {
    const result = read(value);
    return result !== undefined && result >= min && result <= max ? result : undefined;
  };
}

function inRange(min: number, max: number, show: (value: number) => string): string {
  return min === 0 ? ` of at most ${show(max)}` : ` from ${show(min)} to ${show(max)}`;
}

/** As it is once prepared: what stands in addresses is compared with it as it is. RFC 7622 §3.2 */
function isDomainName(name: string): boolean {
  // IPv6 literals cannot stand in certificates as they do in addresses.
  return Jid.tryParse(name)?.domain === name && !name.startsWith("[");
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}
