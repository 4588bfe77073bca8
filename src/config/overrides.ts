/** Options from the command line and the environment. */

import type * as z from "zod";
import { keysAt } from "./options.js";
import { type ConfigProblem, formatKey } from "./problem.js";
import { readYaml } from "./yaml-file.js";

export interface Override {
  /** `--set`, or the variable's name. */
  from: string;
  path: string[];
  value: unknown;
}

export interface Overrides {
  overrides: Override[];
  problems: ConfigProblem[];
  /** What was left aside though it looks like an option. */
  warnings: string[];
}

const PREFIX = "SLUICE_";

/**
 * Reads `key=value` pairs: `stream.maxDepth=32`, `domains."example.org".key=key.pem`. Values are YAML, so
 * `log.areas={c2s: debug}` sets a whole map.
 */
export function readSettings(settings: readonly string[]): Overrides {
  const result: Overrides = { overrides: [], problems: [], warnings: [] };
  for (const setting of settings) {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(setting) ?? [];
    const path = key === undefined ? undefined : splitKey(key.trim());
    if (path) add(result, "--set", path, value);
    else
      result.problems.push({
        file: "--set",
        key: setting,
        message: "expected key=value, such as log.level=debug",
      });
  }
  return result;
}

/**
 * Reads the variables that begin with `SLUICE_`. Two underscores lead one level down; case and single underscores do not
 * matter: `SLUICE_STREAM__MAX_DEPTH` is `stream.maxDepth`. Values are YAML. A variable of one level that is no option is
 * left aside with a warning, as container platforms set such variables of their own (`SLUICE_PORT`, `SLUICE_SERVICE_HOST`).
 */
export function readEnvironment(env: NodeJS.ProcessEnv, schema: z.core.$ZodType): Overrides {
  const result: Overrides = { overrides: [], problems: [], warnings: [] };
  for (const [name, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!name.startsWith(PREFIX) || value === undefined) continue;
    const parts = name.slice(PREFIX.length).split("__");
    const path = matchKeys(parts, schema);
    if (parts.length === 1 && !keysAt(schema, []).includes(path[0])) {
      result.warnings.push(`The environment variable ${name} is not an option and is ignored.`);
    } else add(result, name, path, value);
  }
  return result;
}

/** Puts the overrides into the values, later ones over earlier ones, and gives a new object. */
export function applyOverrides(values: unknown, overrides: readonly Override[]): unknown {
  return overrides.reduce((result, { path, value }) => withValue(result, path, value), values);
}

function withValue(values: unknown, [key, ...rest]: string[], value: unknown): unknown {
  if (key === undefined) return value;
  // `listen.0=…` begins a list where the file has none.
  const list = Array.isArray(values) ? values : values === undefined && key === "0" ? [] : undefined;
  if (list && /^\d{1,3}$/.test(key)) {
    return Object.assign([...list], { [key]: withValue(list[Number(key)], rest, value) });
  }
  const map = typeof values === "object" && values !== null && !Array.isArray(values) ? values : {};
  const below = Object.hasOwn(map, key) ? (map as Record<string, unknown>)[key] : undefined;
  return { ...map, [key]: withValue(below, rest, value) };
}

function add(result: Overrides, from: string, path: string[], text: string): void {
  const { values, problems } = readYaml(from, text);
  for (const { key, message } of problems) {
    const below = key === "" ? "" : `.${key}`;
    result.problems.push({ file: from, key: formatKey(path) + below, message });
  }
  if (problems.length === 0) result.overrides.push({ from, path, value: values });
}

function splitKey(key: string): string[] | undefined {
  if (!/^([^."]+|"[^"]+")(\.([^."]+|"[^"]+"))*$/.test(key)) return undefined;
  return [...key.matchAll(/"([^"]+)"|([^."]+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

function matchKeys(parts: readonly string[], schema: z.core.$ZodType): string[] {
  const path: string[] = [];
  for (const part of parts) {
    const wanted = part.replaceAll("_", "").toLowerCase();
    path.push(keysAt(schema, path).find((key) => key.toLowerCase() === wanted) ?? part.toLowerCase());
  }
  return path;
}
