import { createHmac } from "node:crypto";
import { sharedSecret } from "./shared-secret.js";
import type { Storage } from "./types.js";

/** The same on all nodes, so that a user who does not exist has the same made-up salt everywhere. */
export function deploymentSecret({ keyValues }: Storage): Promise<Buffer> {
  return sharedSecret({
    read: () => keyValues.get(undefined, "server", "secret"),
    fill: (secret) => keyValues.replace(undefined, "server", "secret", undefined, secret),
  });
}

/** 16 bytes for one purpose. */
export function keyFor(purpose: string, secret: Buffer): Buffer {
  return createHmac("sha256", secret).update(purpose).digest().subarray(0, 16);
}
