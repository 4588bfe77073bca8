import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

export const run = promisify(execFile);

/** Those of `programs` that are not on this machine. */
export function missingPrograms(programs: readonly string[]): string[] {
  return programs.filter((program) => !(process.env.PATH ?? "").split(delimiter).some(holds(program)));
}

/**
 * Ends the spec when a client it needs is missing: with CI=true as a failure, as nothing may go untested there,
 * otherwise as a skip that says why.
 */
export function need(context: Mocha.Context, client: string, missing: readonly string[]): void {
  if (missing.length === 0) return;
  const reason = `${client} cannot be tried, missing: ${missing.join(", ")} (scripts/interop-setup.sh adds it)`;
  if (process.env.CI === "true") throw new Error(reason);
  process.stderr.write(`\n*** SKIPPED: ${reason}\n\n`);
  context.skip();
}

const holds = (program: string) => (folder: string) => {
  try {
    accessSync(join(folder, program), constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
