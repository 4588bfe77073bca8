import { randomBytes } from "node:crypto";

/** Where a secret is kept. */
export interface SecretPlace {
  /** Undefined before there is one. */
  read(): Promise<unknown>;
  /** Keeps it unless there is one already. */
  fill(secret: string): Promise<unknown>;
}

/** 32 random bytes that all nodes share and that outlive them: of nodes that start together, one makes them for all. */
export async function sharedSecret({ read, fill }: SecretPlace): Promise<Buffer> {
  const known = await read();
  if (known === undefined) await fill(randomBytes(32).toString("base64"));
  return Buffer.from(String(known ?? (await read())), "base64");
}
