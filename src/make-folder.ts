import { existsSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Makes a folder with those above it, unless it is there. One at a time: Node's own `recursive` goes on for ever where a
 * folder that is there says that what is to be made in it does not exist, as those below /proc do.
 * @throws the error of the file system
 */
export function makeFolder(folder: string, mode: number): void {
  const above = dirname(folder);
  if (!existsSync(above)) makeFolder(above, mode);
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if (!existsSync(folder) || !statSync(folder).isDirectory()) throw error;
  }
}
