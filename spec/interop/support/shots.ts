import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sources } from "./repository.js";

const folder = join(sources, "shots");

/** The file for a picture of what a person would see now, for people to look at after a run. Not committed. */
export async function shotFile(name: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  return join(folder, name);
}
