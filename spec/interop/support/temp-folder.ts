import { rmSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atSuddenEnd } from "./sudden-end.js";

/** A client that is just ending may still write its last file. */
const REMOVAL = { recursive: true, force: true, maxRetries: 5, retryDelay: 200 };

export interface TempFolder {
  /** Absolute. */
  path: string;
  remove(): Promise<void>;
}

/**
 * Makes an empty folder outside the repository.
 * `mode`: its permissions; by default only this user may look into it.
 */
export async function tempFolder(purpose: string, mode = 0o700): Promise<TempFolder> {
  const path = await mkdtemp(join(tmpdir(), `sluice-interop-${purpose}-`));
  await chmod(path, mode);
  const calledOff = atSuddenEnd(() => rmSync(path, REMOVAL));
  return { path, remove: () => rm(path, REMOVAL).finally(calledOff) };
}
