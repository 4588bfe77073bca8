import { readFile } from "node:fs/promises";
import { SetupError } from "../config/setup-error.js";

/** The text of a file named on the command line. @throws SetupError */
export async function readGiven(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new SetupError(
      `The file ${file} cannot be read (${code}). Check that it exists and that you may read it.`,
    );
  }
}
