import { createHmac, randomBytes } from "node:crypto";
import type { Storage } from "./types.js";

/** The same on all nodes, so that a user who does not exist has the same made-up salt everywhere. */
export async function deploymentSecret(storage: Storage): Promise<Buffer> {
  const stored = await storage.keyValues.get(undefined, "server", "secret");
  if (typeof stored === "string") return Buffer.from(stored, "base64");
  const secret = randomBytes(32);
  await storage.keyValues.set(undefined, "server", "secret", secret.toString("base64"));
  return secret;
}

/** 16 bytes for one purpose. */
export function keyFor(purpose: string, secret: Buffer): Buffer {
  return createHmac("sha256", secret).update(purpose).digest().subarray(0, 16);
}
