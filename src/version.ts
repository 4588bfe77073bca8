import { readFileSync } from "node:fs";

/** Of the package. Two folders up from here both in src and in dist/src lies either the package or dist. */
function readVersion(): string {
  for (const up of ["../package.json", "../../package.json"]) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as {
        name?: string;
        version: string;
      };
      if (found.name === "sluice") return found.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error("package.json of sluice was not found");
}

export const version = readVersion();
