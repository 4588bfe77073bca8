import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository, found upwards from the compiled file: the output folder may have any name. */
export const repository = findUpwards(dirname(fileURLToPath(import.meta.url)));

/** The folder with the sources of these specs, where the scripts lie that the compiler does not copy. */
export const sources = join(repository, "spec", "interop");

function findUpwards(folder: string): string {
  if (existsSync(join(folder, "package.json"))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error("no package.json above the interop specs");
  return findUpwards(parent);
}
