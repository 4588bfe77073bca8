import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import type { StartOptions } from "./peer.js";

/** The repository: this file runs as `<root>/dist/bench/peers/command.js`. */
export const root = resolve(import.meta.dirname, "../../..");
/** Compiled benchmark files. */
export const built = resolve(import.meta.dirname, "..");

/** Where a command is, as the shell would find it (and in /usr/sbin), or undefined. */
export function which(command: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, command)).find((path) => existsSync(path));
}

/** Where taskset exists, a command line that keeps the process on one core. */
export function pinned(core: string, command: readonly string[]): string[] {
  return which("taskset") === undefined ? [...command] : ["taskset", "-c", core, ...command];
}

export async function output(command: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args);
  return stdout;
}

/** Node's own arguments for a server under test. */
export function nodeArguments(options: StartOptions): string[] {
  const args: string[] = [];
  if (options.profileFolder !== undefined) args.push("--cpu-prof", `--cpu-prof-dir=${options.profileFolder}`);
  if (options.collect) args.push("--import", join(built, "collect.js"));
  return args;
}
