import { createHmac, randomBytes } from "node:crypto";
import type { Storage } from "./types.js";

/** The same on all nodes, so that a user who does not exist has the same made-up salt everywhere. */
export async function deploymentSecret(storage: Storage): Promise<Buffer> {
  const { keyValues } = storage;
  const read = () => keyValues.get(undefined, "server", "secret");
  const made = randomBytes(32).toString("base64");
  // Of nodes that start together, one makes it for all.
  if ((await read()) === undefined) await keyValues.replace(undefined, "server", "secret", undefined, made);
  return Buffer.from(String(await read()), "base64");
}

/** 16 bytes for one purpose. */
export function keyFor(purpose: string, secret: Buffer): Buffer {
  return createHmac("sha256", secret).update(purpose).digest().subarray(0, 16);
}
