import { chown } from "node:fs/promises";
import { run } from "./need.js";
import { type TempFolder, tempFolder } from "./temp-folder.js";

/** Who runs a program that refuses to be root. Empty: whoever runs the specs. As an option of a process, its user. */
export interface Person {
  uid?: number;
  gid?: number;
}

/** The user that scripts/interop-setup.sh makes. */
const NAME = process.env.INTEROP_USER ?? "sluice-interop";

/** An ordinary user, or undefined if there is none. */
export async function ordinaryPerson(): Promise<Person | undefined> {
  if (process.getuid?.() !== 0) return {};
  try {
    return { uid: await idOf("-u"), gid: await idOf("-g") };
  } catch (error) {
    process.stderr.write(`${error}\n`);
    return undefined;
  }
}

/** An empty folder of that person. */
export async function folderOf(person: Person, purpose: string): Promise<TempFolder> {
  const folder = await tempFolder(purpose);
  if (person.uid !== undefined && person.gid !== undefined) await chown(folder.path, person.uid, person.gid);
  return folder;
}

async function idOf(which: "-u" | "-g"): Promise<number> {
  return Number((await run("id", [which, NAME])).stdout);
}
