import { createHash } from "node:crypto";

/** Stands for a text of any length in an index: SHA-256 as 43 characters of base64url. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
